"""Node packs as the platform meets them: what was found, their HTTP handlers, and what they tell browsers.

Over gRPC they are the messages of `silverprint/executor/v1/packs.proto`.
"""

from __future__ import annotations

import re
from functools import cached_property

import msgspec

#: Bytes that the body of a request for a handler may have: what the longest prompt has, below what a message may.
MAX_REQUEST_BYTES = 30 << 20

#: Bytes of an answer in one message, and of one call's data that may be under way.
PART_BYTES = 512 << 10
WINDOW_BYTES = 2 << 20

#: What handlers for platforms, rather than for their clients, begin with.
PLATFORM_PATHS = "/silverprint/"

#: The handler by which packs change prompts before they are submitted: JSON of `POST /prompt` in, the same out.
#: It is there when a pack wants to.
ON_PROMPT = f"{PLATFORM_PATHS}on_prompt"

#: Headers about one connection rather than about a message (RFC 9110, 7.6.1): not passed on.
OF_CONNECTION = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class NodePack(msgspec.Struct, frozen=True):
    """A pack that an executor found; `error` says why it could not be loaded."""

    name: str
    node_count: int
    error: str = ""


class PackRoute(msgspec.Struct, frozen=True, dict=True):
    """A handler; "*" is any method, and `{name}` in the path stands for any text."""

    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        """Whether it may answer such a request; the handler's own server knows for certain."""
        answers = self.method in ("*", method) or (self.method == "GET" and method == "HEAD")
        return answers and self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(".*".join(map(re.escape, _PLACEHOLDER.split(self.path))))


Headers = tuple[tuple[str, str], ...]


class HttpRequest(msgspec.Struct, frozen=True):
    """A request for a handler; the path is as it was sent, percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    #: whose files the handler sees
    file_space: str = ""


class HttpHead(msgspec.Struct, frozen=True, tag=True):
    """The beginning of an answer."""

    status: int
    headers: Headers


class HttpData(msgspec.Struct, frozen=True, tag=True):
    """The next bytes of an answer's body."""

    data: bytes


HttpResponsePart = HttpHead | HttpData


class TextMessage(msgspec.Struct, frozen=True, tag=True):
    """A JSON message {"type": event, "data": data} for browsers."""

    event: str
    data_json: bytes


class BinaryMessage(msgspec.Struct, frozen=True, tag=True):
    """A binary message for browsers: the number of its kind, then the data."""

    kind: int
    data: bytes


class PackMessage(msgspec.Struct, frozen=True, tag=True):
    """What a pack tells the sockets of a client, or everybody's when the id is empty."""

    client_id: str
    body: TextMessage | BinaryMessage
    #: for whom it works just now, which is everybody where users hear nothing of each other; may be empty
    user_id: str = ""


class PackReport(msgspec.Struct, frozen=True, tag=True):
    """The packs of an executor, in place of what was reported before."""

    packs: tuple[NodePack, ...] = ()
    routes: tuple[PackRoute, ...] = ()
    #: names of folders with scripts for browsers, subfolders of the kind `extensions`
    extensions: tuple[str, ...] = ()

    def answers(self, method: str, path: str) -> bool:
        """Whether a handler may answer such a request."""
        return any(route.matches(method, path) for route in self.routes)


class PackRequest(msgspec.Struct, frozen=True, tag=True):
    """Pass this to the handlers of packs; `call_id` names the call in what is said about it."""

    call_id: str
    request: HttpRequest


class PackFlow(msgspec.Struct, frozen=True, tag=True):
    """The caller has taken so much of an answer's data: as much more may come."""

    call_id: str
    taken_bytes: int


class PackCancellation(msgspec.Struct, frozen=True, tag=True):
    """The caller has left."""

    call_id: str


class PackResponse(msgspec.Struct, frozen=True, tag=True):
    """The next part of an answer; None is its end, with an error when it is not whole."""

    call_id: str
    part: HttpResponsePart | None
    error: str = ""


#: What the queue says to an executor about calls.
PackOrder = PackRequest | PackFlow | PackCancellation
