"""One message on its way to a socket."""

from __future__ import annotations

import enum

import msgspec


class Kind(enum.Enum):
    """How dear a frame is to its reader when it cannot keep up."""

    LASTING = "lasting"  #: must arrive
    STATUS = "status"  #: only the latest counts
    PROGRESS = "progress"  #: only the latest of a prompt counts
    PREVIEW = "preview"  #: the first to go
    LOG = "log"  #: lines of the log; go with the previews
    PICTURE = "picture"  #: what a node means to show; must arrive


class Receipt(msgspec.Struct, frozen=True):
    """What a client knows for good once the frame that carries this was sent."""

    prompt_id: str
    #: of the event that the frame tells
    sequence: int


class Frame(msgspec.Struct, frozen=True, eq=False):
    """A text or binary message."""

    kind: Kind
    payload: str | bytes
    #: frames of the same topic replace each other where only the latest counts
    topic: str = ""
    receipt: Receipt | None = None
