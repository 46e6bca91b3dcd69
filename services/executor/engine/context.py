"""What a running node may know and ask of the outside: progress, interruption, files. Never a service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.files.records import FileKind, FileName
from services.graph.events import ExecutionEvent, NodePreview, NodeProgress, NodeRef, NodeText

Emit = Callable[[ExecutionEvent], None]


class Interrupted(BaseException):
    """Somebody asked the running prompt to stop.

    Not an `Exception`, so that a node which guards its work with `except Exception` stops all the same.
    """


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """A picture that a running node shows, encoded only if somebody watches."""

    #: "image/jpeg" or "image/png"
    media_type: str
    #: makes the encoded picture: at most 1 MiB for a glimpse, 24 MiB for others
    encode: Callable[[], bytes]
    #: a glimpse of unfinished work rather than what the node means to show
    provisional: bool = False


class NodeFiles(Protocol):
    """The files that a node may read and write; calls block.

    Raises the errors of `services.errors`: `InvalidArgument` for a name that breaks the path rules, `NotFound` for a
    file that is not there, `ResourceExhausted` when the disk is full.
    """

    def fetch(self, name: FileName) -> Path:
        """Where the content is on this host, not to be changed."""
        ...

    def stat_digest(self, name: FileName) -> str:
        """The BLAKE3 of the content."""
        ...

    def exists(self, name: FileName) -> bool:
        """Whether there is such a file."""
        ...

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        """The names of the files in a folder, without those in folders in it; none when there is no such folder."""
        ...

    def save(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, data: bytes) -> FileName:
        """Write a new file `PREFIX_00001_.EXTENSION`, numbered after those that are there."""
        ...

    def save_file(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, source: Path) -> FileName:
        """The same, with the content of a local file."""
        ...


class SpacesOfFiles(Protocol):
    """The files of a file service, of which there are some for each user."""

    def within(self, user: str) -> NodeFiles:
        """The files as seen within the space of a user, everybody's for no user."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What one run of a prompt knows of the outside.

    The two events may be set and cleared from another thread while the prompt runs.
    """

    prompt_id: str
    files: NodeFiles
    #: whose prompt it is, empty for nobody's
    client_id: str = ""
    #: the user whose files these are, empty for everybody's
    file_space: str = ""
    #: set to make the run stop at the next step or node
    interrupted: threading.Event = field(default_factory=threading.Event)
    #: set while somebody watches
    previews_wanted: threading.Event = field(default_factory=threading.Event)

    def raise_if_interrupted(self) -> None:
        """Raise `Interrupted` when the run was asked to stop."""
        if self.interrupted.is_set():
            raise Interrupted


_current_run: ContextVar[RunContext] = ContextVar("silverprint_run")
_current_space: ContextVar[str] = ContextVar("silverprint_space")


@contextmanager
def in_run(run: RunContext) -> Iterator[None]:
    """Let what this thread does meanwhile, and the tasks that it starts, be part of a run."""
    token = _current_run.set(run)
    try:
        with in_space(run.file_space):
            yield
    finally:
        _current_run.reset(token)


@contextmanager
def in_space(user: str) -> Iterator[None]:
    """Let what this thread or task does meanwhile be about the files of a user, everybody's for no user."""
    token = _current_space.set(user)
    try:
        yield
    finally:
        _current_space.reset(token)


def current_space() -> str | None:
    """Whose files this is about, "" for everybody's; None outside of any run and request."""
    return _current_space.get(None)


def raise_if_interrupted() -> None:
    """Raise `Interrupted` when the run that this is part of was asked to stop; for what waits on behalf of nodes."""
    if run := _current_run.get(None):
        run.raise_if_interrupted()


class NodeContext:
    """What one node may know and ask while it runs; made anew for every call."""

    __slots__ = ("__weakref__", "_call", "_emit", "_run", "_subgraphs", "node")

    def __init__(self, run: RunContext, node: NodeRef, emit: Emit, call: int = 0) -> None:
        self._run = run
        self._emit = emit
        self._call = call
        self._subgraphs = 0
        self.node = node

    @property
    def prompt_id(self) -> str:
        """The prompt that the node is part of."""
        return self._run.prompt_id

    @property
    def client_id(self) -> str:
        """Whose prompt it is, empty for nobody's."""
        return self._run.client_id

    @property
    def files(self) -> NodeFiles:
        """The files that the node may read and write."""
        return self._run.files

    @property
    def previews_wanted(self) -> bool:
        """Whether somebody watches; a node need not make previews otherwise."""
        return self._run.previews_wanted.is_set()

    def next_subgraph_prefix(self) -> str:
        """What the ids of a subgraph that this call of the node makes begin with: "2.0.0." for the first of node 2."""
        prefix = f"{self.node.node_id}.{self._call}.{self._subgraphs}."
        self._subgraphs += 1
        return prefix

    def progress(self, value: float, maximum: float, preview: PreviewImage | None = None) -> None:
        """Report `value` of `maximum` units done, with a picture of what there is so far.

        Raises:
            Interrupted: the run was asked to stop.
        """
        self._run.raise_if_interrupted()
        picture = self._encoded(preview) if preview is not None else None  # they travel together
        self._emit(NodeProgress(self.node, float(value), float(maximum)))
        if picture is not None:
            self._emit(picture)

    def show(self, preview: PreviewImage) -> None:
        """Show a picture to whoever watches, whatever the progress is."""
        if (picture := self._encoded(preview)) is not None:
            self._emit(picture)

    def text(self, line: str) -> None:
        """Show a line of text on the node while it runs."""
        self._emit(NodeText(self.node, line))

    def raise_if_interrupted(self) -> None:
        """Raise `Interrupted` when the run was asked to stop; for nodes with nothing to report."""
        self._run.raise_if_interrupted()

    def _encoded(self, preview: PreviewImage) -> NodePreview | None:
        if not self.previews_wanted:
            return None
        return NodePreview(self.node, preview.media_type, preview.encode(), preview.provisional)


_current: ContextVar[NodeContext] = ContextVar("silverprint_node")


def current_context() -> NodeContext:
    """The context of the node that is running.

    Raises:
        LookupError: no node is running in this thread or task.
    """
    try:
        return _current.get()
    except LookupError:
        raise LookupError("no node is running here") from None


def report_progress(value: float, maximum: float) -> None:
    """Report how far the running node is; nothing outside of one. Raises as `NodeContext.progress`."""
    if node := _current.get(None):
        node.progress(value, maximum)


def report_text(line: str) -> None:
    """Show a line of text on the running node; nothing outside of one."""
    if node := _current.get(None):
        node.text(line)


def enter_context(context: NodeContext) -> Token[NodeContext]:
    """Make `context` the current one until `leave_context`; the engine does this, and tests of nodes."""
    return _current.set(context)


def leave_context(token: Token[NodeContext]) -> None:
    """Undo `enter_context`."""
    _current.reset(token)
