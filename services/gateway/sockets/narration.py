"""An event told as frames, in the order in which ComfyUI's clients expect them."""

from __future__ import annotations

import msgspec

from services.gateway.sockets.frames import Frame, Kind, Receipt
from services.gateway.sockets.run import Run
from services.gateway.translate.logs import logs
from services.gateway.translate.messages import Message, encode, executing, lasting_message, status
from services.gateway.translate.previews import pack_frame, preview_frame, text_frame
from services.gateway.translate.progress import progress
from services.graph.events import ExecutionInterrupted, NodeFinished, NodePreview, NodeProgress, NodeStarted, NodeText
from services.queue.logs import LogLines
from services.queue.packs import BinaryMessage, PackMessage
from services.queue.records import Event

#: Of up to so many nodes the state of all is told with every event, as ComfyUI does; of more once for several events,
#: or the work would grow with the square of their number.
LARGEST_REPEATED_BOARD = 200


def tell(
    event: Event, run: Run, preview: NodePreview | None, *, metadata: bool, more_follow: bool = False
) -> list[Frame]:
    """The frames of an event that `run` has taken in.

    `preview` is the picture that came with a `NodeProgress`; `metadata` says that the client can tell glimpses from
    results; `more_follow` that more is told at once of how the prompt's nodes fare. For prompts without a client id, of
    whom everybody is told, only progress, previews and interruption are, and the previews have no metadata.
    """
    if preview is not None and not _is_for(preview, metadata=metadata):
        preview = None
    if isinstance(event.body, NodePreview) and not _is_for(event.body, metadata=metadata):
        return []
    metadata = metadata and bool(run.client_id)
    match event.body:
        case NodeStarted(node):
            frames = [*_boards(run, more_follow), _lasting(executing(node, run.prompt_id))]
        case NodeProgress(node, value, maximum):
            told = progress(node, value, maximum, run.prompt_id)
            frames = [*_boards(run, more_follow), *_advance(run, told, preview, metadata=metadata)]
        case NodePreview() as alone:
            frames = [_preview(alone, run, metadata=metadata)]
        case NodeText(node) as shown:
            frames = [Frame(Kind.PROGRESS, text_frame(shown), f"text {run.prompt_id} {node.node_id}")]
        case NodeFinished():
            frames = [*_told_later(event), *_boards(run, more_follow)]
        case _:
            frames = _told_later(event)
    if run.client_id:
        return frames
    return [frame for frame in frames if frame.kind is not Kind.LASTING or isinstance(event.body, ExecutionInterrupted)]


def tell_end(run: Run) -> Frame:
    """The last frame of a prompt: nothing of it is executing any more."""
    return _lasting(executing(None, run.prompt_id), Receipt(run.prompt_id, run.last_sequence))


def tell_status(remaining: int, sid: str | None = None) -> Frame:
    """How many prompts wait or run; with the client's id it is the first frame of a socket and must arrive."""
    return Frame(Kind.STATUS if sid is None else Kind.LASTING, encode(status(remaining, sid)), "status")


def tell_pack_message(message: PackMessage) -> Frame:
    """What a pack tells browsers, as it told it."""
    if isinstance(message.body, BinaryMessage):
        return Frame(Kind.LASTING, pack_frame(message.body))
    return _lasting((message.body.event, msgspec.Raw(message.body.data_json)))


def tell_lines(lines: LogLines) -> Frame:
    """Lines of the log."""
    return Frame(Kind.LOG, encode(("logs", logs(lines.lines))))


def tell_missed(run: Run, *, metadata: bool) -> list[Frame]:
    """What no socket of the run's client was sent yet, and where the run stands now."""
    frames = [frame for event in run.untold for frame in _told_later(event)]
    if run.ended_at is not None:
        return [*frames, tell_end(run)] if run.untold else []
    if run.board:
        frames.append(_board(run))
    if run.executing:
        frames.append(_lasting(executing(run.executing, run.prompt_id)))
    if run.preview and _is_for(run.preview, metadata=metadata):
        frames.append(_preview(run.preview, run, metadata=metadata))
    return frames


def _told_later(event: Event) -> list[Frame]:
    message = lasting_message(event)
    if message is None:
        return []
    return [
        _lasting(
            message, None if event.is_terminal or not event.is_durable else Receipt(event.prompt_id, event.sequence)
        )
    ]


def _advance(run: Run, message: Message, preview: NodePreview | None, *, metadata: bool) -> list[Frame]:
    """Clients that understand metadata see the picture before the progress, the others after it."""
    told = Frame(Kind.PROGRESS, encode(message), f"progress {run.prompt_id}")
    if preview is None:
        return [told]
    picture = _preview(preview, run, metadata=metadata)
    return [picture, told] if metadata else [told, picture]


def _is_for(preview: NodePreview, *, metadata: bool) -> bool:
    """Whether a client gets a picture: one that cannot tell glimpses from results would take them for results."""
    return metadata or not preview.provisional


def _preview(preview: NodePreview, run: Run, *, metadata: bool) -> Frame:
    kind = Kind.PREVIEW if preview.provisional else Kind.PICTURE
    return Frame(kind, preview_frame(preview, run.prompt_id, metadata=metadata))


def _boards(run: Run, more_follow: bool) -> list[Frame]:
    """The state of all nodes, unless they are many and it will be told at once with what follows."""
    return [] if more_follow and len(run.board) > LARGEST_REPEATED_BOARD else [_board(run)]


def _board(run: Run) -> Frame:
    return Frame(Kind.PROGRESS, encode(run.board.message()), f"progress_state {run.prompt_id}")


def _lasting(message: Message, receipt: Receipt | None = None) -> Frame:
    return Frame(Kind.LASTING, encode(message), receipt=receipt)
