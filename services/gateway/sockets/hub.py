"""Who is told what: events in, frames to the sockets of the clients they concern."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise

from services.gateway.sockets.broadcast import Broadcast
from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.narration import (
    tell,
    tell_end,
    tell_lines,
    tell_missed,
    tell_pack_message,
    tell_status,
)
from services.gateway.sockets.run import SHORT_BYTES, Run
from services.gateway.sockets.runs import Runs
from services.gateway.sockets.socket import Socket
from services.gateway.sockets.tallies import Tallies, user_of
from services.graph.events import NodeFinished, NodePreview, NodeProgress, NodeStarted
from services.queue.logs import LogFollowers, LogLines
from services.queue.packs import PackMessage
from services.queue.records import Cancelled, Event, Notice

#: Ended prompts that a socket which comes late is told of, the latest ones, and the bytes of all it is told.
MAX_RETOLD = 64
MAX_RETOLD_BYTES = 2 << 20

#: What changes the state of a prompt's nodes.
MOVES = (NodeStarted, NodeProgress, NodeFinished)


class Hub:
    """The open sockets, and the prompts that they are or may be told about."""

    def __init__(
        self, dropped: Callable[[Kind, int], None] = lambda kind, count: None, tallies: Tallies | None = None
    ) -> None:
        """`tallies` where users see nothing of each other's prompts."""
        self._tallies = tallies
        if tallies is not None:
            tallies.tell = self._tell_tally
        self._sockets: set[Socket] = set()
        self._by_client: dict[str, set[Socket]] = {}
        self._by_user: dict[str, set[Socket]] = {}
        self._runs = Runs()
        self._log_followers: tuple[str, ...] = ()
        self._dropped = dropped
        self.remaining = 0
        self._everybody = Broadcast(self._sockets)
        #: set whenever the first socket joins or the last one leaves
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._sockets)

    def socket(self, client_id: str, address: str = "") -> Socket:
        """A socket for `join`; `address` where it differs from the client id."""
        return Socket(client_id, address or client_id, self._runs.delivered, self._dropped)

    def join(self, socket: Socket, remaining: int) -> None:
        """Add a socket: it is told its id, then what its client missed."""
        socket.put(tell_status(remaining, socket.client_id))
        socket.put_all(self._missed(socket))
        self._sockets.add(socket)
        self._by_client.setdefault(socket.address, set()).add(socket)
        self._by_user.setdefault(user_of(socket.address), set()).add(socket)
        if len(self._sockets) == 1:
            self.changed.set()

    def leave(self, socket: Socket) -> None:
        """Remove a socket; others of the same client stay."""
        self._sockets.discard(socket)
        _discard(self._by_client, socket.address, socket)
        _discard(self._by_user, user_of(socket.address), socket)
        if not self._sockets:
            self.changed.set()

    def publish(self, events: Sequence[Event]) -> None:
        """Take in events, oldest first, and tell whom they concern; what is known already is passed over.

        When prompts are taken back together, how many are left is told once.
        """
        untold = {earlier.prompt_id for earlier, later in pairwise(events) if _are_taken_back(earlier, later)}
        joined = list(_with_previews(events))
        last_moves = {event.prompt_id: event for event, _ in joined if isinstance(event.body, MOVES)}
        for event, preview in joined:
            if isinstance(event.body, Notice):
                self._pass_on(event.body)
                continue
            run = self._runs.of(event)
            if self._runs.apply(run, event):
                if preview is not None:
                    run.apply(preview)
                self._tell(event, run, preview, more_follow=last_moves.get(event.prompt_id) is not event)
                if event.changes_state and not (_are_taken_back(event) and event.prompt_id in untold):
                    self._tell_status(event.queue_remaining, run.client_id)
                self._tell_end(event, run)
        self._runs.clean()

    def set_remaining(self, remaining: int) -> None:
        """Correct the number of prompts that wait or run."""
        if remaining != self.remaining:
            self._tell_status(remaining)

    def under_way(self) -> list[str]:
        """Ids of the prompts that have begun and of which no end is known."""
        return self._runs.under_way()

    def forget(self, prompt_id: str) -> None:
        """The prompt does not exist any more."""
        self._runs.forget(prompt_id)

    def _missed(self, socket: Socket) -> list[Frame]:
        """What to tell a new socket, of the latest prompts rather than of earlier ones where it is too much."""
        own = self._runs.of_client(socket.address)
        ended = [run for run in own if run.ended_at is not None]
        told: list[list[Frame]] = []
        size = 0
        for run in reversed([*ended[-MAX_RETOLD:], *(run for run in own if run.ended_at is None)]):
            frames = tell_missed(run, metadata=socket.metadata)
            size += sum(len(frame.payload) for frame in frames)
            if size > MAX_RETOLD_BYTES:
                frames = [frame for frame in frames if len(frame.payload) <= SHORT_BYTES]
            told.append(frames)
        return [frame for frames in reversed(told) for frame in frames]

    def _tell(self, event: Event, run: Run, preview: Event | None, *, more_follow: bool) -> None:
        audience = self._by_client.get(run.client_id, set()) if run.client_id else self._sockets
        picture = preview.body if preview is not None and isinstance(preview.body, NodePreview) else None
        for metadata in (False, True):
            listeners = [socket for socket in audience if socket.metadata is metadata]
            frames = tell(event, run, picture, metadata=metadata, more_follow=more_follow) if listeners else ()
            if run.client_id:
                for socket in listeners:
                    socket.put_all(frames)
            else:
                self._everybody.put_all(frames, metadata=metadata)
        if not run.client_id:
            self._everybody.flush()

    def _tell_end(self, event: Event, run: Run) -> None:
        if run.client_id and event.is_terminal and not isinstance(event.body, Cancelled):
            end = tell_end(run)
            for socket in self._by_client.get(run.client_id, ()):
                socket.put(end)

    def _pass_on(self, notice: Notice) -> None:
        match notice:
            case PackMessage():
                self._send(tell_pack_message(notice), self._audience(notice))
            case LogFollowers(client_ids):
                self._log_followers = client_ids
            case LogLines():
                following = [socket for id_ in self._log_followers for socket in self._by_client.get(id_, ())]
                if following:
                    self._send(tell_lines(notice), following)

    def _audience(self, message: PackMessage) -> Collection[Socket]:
        """The sockets of the client that is named, else those of all whom it may be about."""
        if message.client_id:  # a handler may know a client by what that calls itself, which is within its user
            own = self._by_client.get(f"{message.user_id}/{message.client_id}", ())
            return self._by_client.get(message.client_id, own)
        if self._tallies is None:
            return self._sockets
        return self._by_user.get(message.user_id, ()) if message.user_id else ()

    def _tell_status(self, remaining: int, client_id: str = "") -> None:
        """Tell how many prompts there are: those whose prompt it is about at once, the others when it is their turn."""
        self.remaining = remaining
        if self._tallies is not None:
            for user in [user_of(client_id)] if client_id else self._by_user:
                if user in self._by_user:
                    self._tallies.change(user)
            return
        frame = tell_status(remaining)
        for socket in self._by_client.get(client_id, ()):
            socket.put(frame)
        for metadata in (False, True):
            self._everybody.put_all((frame,), metadata=metadata)
        self._everybody.flush()

    def _tell_tally(self, user: str, remaining: int) -> None:
        self._send(tell_status(remaining), self._by_user.get(user, ()))

    def _send(self, frame: Frame, sockets: Iterable[Socket]) -> None:
        for socket in sockets:
            socket.put(frame)


def _discard(sockets: dict[str, set[Socket]], key: str, socket: Socket) -> None:
    siblings = sockets.get(key, set())
    siblings.discard(socket)
    if not siblings:
        sockets.pop(key, None)


def _are_taken_back(*events: Event) -> bool:
    return all(isinstance(event.body, Cancelled) for event in events)


def _with_previews(events: Iterable[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Join a node's progress with the preview that follows it."""
    waiting: Event | None = None
    for event in events:
        if waiting is not None:
            joined = _belongs(event, waiting)
            yield waiting, event if joined else None
            waiting = None
            if joined:
                continue
        if isinstance(event.body, NodeProgress):
            waiting = event
        else:
            yield event, None
    if waiting is not None:
        yield waiting, None


def _belongs(event: Event, progress: Event) -> bool:
    return (
        isinstance(event.body, NodePreview)
        and isinstance(progress.body, NodeProgress)
        and event.prompt_id == progress.prompt_id
        and event.body.node.node_id == progress.body.node.node_id
    )
