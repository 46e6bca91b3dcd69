"""The executors whose streams are open, and what is on its way down to each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from services.errors import Aborted, NotFound, ServiceError, Unavailable
from services.queue.clock import Clock
from services.queue.leases import Leases
from services.queue.life import Life
from services.queue.packs import PackReport
from services.queue.records import Assignment, Device, Executor, HostInfo
from services.queue.work import Drain, Drained, Heartbeat, Hello, PreviewDemand, QueueMessage


class Session:
    """One open Work stream."""

    def __init__(self, hello: Hello, clock: Clock) -> None:
        self.executor_id = hello.executor_id
        self.connected_at = clock.now()
        #: on the monotonic clock
        self.heard_at = clock.monotonic()
        #: digest of the catalogue it serves, empty until its worker has loaded
        self.catalogue_digest = hello.catalogue_digest
        #: prompts that it is able to run at once, now; none before its leases are sorted out and its worker has loaded
        self.capacity = 0
        #: the node packs that it found
        self.packs = PackReport()
        #: claims under way on its behalf
        self.reserved = 0
        #: another replica of the queue is its home
        self.is_standby = hello.standby
        #: takes no more prompts
        self.is_draining = hello.draining
        self._knows_drained = False
        #: counts up over the fleet; who was served longest ago comes first among equals
        self.last_served = 0
        self._hello = hello
        self._devices: tuple[Device, ...] = hello.devices
        #: names of the model files that it has in memory
        self.warm_models = _files(hello.devices)
        self._host_info: HostInfo = hello.host_info
        self._clock = clock
        self._outbox: asyncio.Queue[QueueMessage | None] = asyncio.Queue()
        self._error: ServiceError | None = None
        self._free_slots = 0
        self._ended = False
        self._previews_told: dict[str, bool] = {}

    @property
    def device_memory(self) -> int:
        """Bytes of its largest device."""
        return max((device.vram_total for device in self._devices), default=0)

    @property
    def is_open(self) -> bool:
        """Whether what is sent has a chance to arrive."""
        return not self._ended

    @property
    def device(self) -> str:
        """What it runs prompts on, by name; empty where it has not said."""
        return ", ".join(device.name for device in self._devices)

    def send(self, message: QueueMessage) -> None:
        """Put a message on its way."""
        if isinstance(message, Assignment):
            self._previews_told[message.lease.token] = message.previews_wanted
        if isinstance(message, PreviewDemand):
            if self._previews_told.get(message.lease.token) is message.wanted:
                return
            self._previews_told[message.lease.token] = message.wanted
        self._outbox.put_nowait(message)

    def has_loaded(self) -> None:
        """Its worker has loaded its node classes, and is able to run."""
        self.capacity = self.capacity or self._hello.slots

    def beat(self, heartbeat: Heartbeat) -> None:
        """Take what it says about itself."""
        self.heard_at = self._clock.monotonic()
        # An assignment may be under way that it does not know of yet: what it is able to run counts, not what is free.
        # Some of the leases may have ended, and are no room.
        self.capacity = min(self._hello.slots, heartbeat.free_slots + len(heartbeat.leases))
        self.is_standby = heartbeat.standby
        self.is_draining = heartbeat.draining
        if heartbeat.draining is not self._knows_drained:
            self._knows_drained = heartbeat.draining
            if heartbeat.draining:
                self.send(Drained())
        self._free_slots = heartbeat.free_slots
        self._devices = heartbeat.devices
        self.warm_models = _files(heartbeat.devices)
        self._host_info = heartbeat.host_info
        held = {lease.token for lease in heartbeat.leases}
        self._previews_told = {token: told for token, told in self._previews_told.items() if token in held}

    def released(self) -> None:
        """It gave a prompt back: its place is not free before it says so, it may be restarting or about to leave."""
        self.capacity = max(0, self.capacity - 1)

    def drain(self, *, undo: bool) -> None:
        """Have it take no more prompts, or take some again once it says so."""
        self.is_draining = self.is_draining or not undo
        self.send(Drain(undo))

    def end(self, error: ServiceError | None = None) -> None:
        """Send what is under way, then end the stream, with an error if there is one."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._outbox.put_nowait(None)

    async def messages(self) -> AsyncIterator[QueueMessage]:
        """What is to be said to the executor, until the session ends; raises what it was ended with."""
        while (message := await self._outbox.get()) is not None:
            yield message
        if self._error is not None:
            raise self._error

    def describe(self, free_slots: int) -> Executor:
        """The executor for people; of one on standby, what is free is what it said itself."""
        return Executor(
            executor_id=self.executor_id,
            host=self._hello.host,
            version=self._hello.version,
            slots=self._hello.slots,
            free_slots=self._free_slots if self.is_standby else free_slots,
            devices=self._devices,
            host_info=self._host_info,
            connected_at=self.connected_at,
            packs=self.packs,
            draining=self.is_draining,
        )


class Fleet:
    """The sessions by executor; an executor has one, the newest."""

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._served = 0
        #: why nobody may join
        self._refusal: Unavailable | None = None
        #: whether executors are to drain that have not said so yet
        self._to_drain: dict[str, bool] = {}

    def join(self, session: Session) -> None:
        """Let a session take part, in place of an older one of the same executor.

        Raises:
            Unavailable: the queue is shutting down, or does not serve executors now.
        """
        if self._refusal is not None:
            raise Unavailable(self._refusal.message)
        older = self._sessions.pop(session.executor_id, None)
        self._sessions[session.executor_id] = session
        if older is not None:
            older.end(Aborted(f"another stream took over executor {session.executor_id}"))

    def leave(self, session: Session) -> None:
        """Forget a session; its leases go on."""
        session.end()
        if self._sessions.get(session.executor_id) is session:
            del self._sessions[session.executor_id]

    def get(self, executor_id: str | None) -> Session | None:
        """The executor's open session."""
        return self._sessions.get(executor_id or "")

    def drain(self, executor_id: str, *, undo: bool) -> None:
        """Have an executor take no more prompts, or take some again.

        Raises:
            NotFound: no executor with this id is connected.
        """
        session = self.get(executor_id)
        if session is None:
            raise NotFound(f"no executor {executor_id} is connected")
        self._to_drain[executor_id] = not undo
        session.drain(undo=undo)

    def beat(self, session: Session, heartbeat: Heartbeat) -> None:
        """Take what an executor says about itself, and tell it again what it may not have heard."""
        session.beat(heartbeat)
        wanted = self._to_drain.get(session.executor_id)
        if wanted is heartbeat.draining:
            del self._to_drain[session.executor_id]
        elif wanted is not None:
            session.drain(undo=not wanted)

    def sessions(self) -> list[Session]:
        """All of them, in the order in which they joined."""
        return list(self._sessions.values())

    def free(self, session: Session, *, ending: int = 0) -> int:
        """How many more prompts a session may be given, now or when so many of its prompts have ended.

        None when it takes none, has been silent for a lease's duration, or another replica is its home.
        """
        is_out = session.is_standby or session.is_draining
        if is_out or self._clock.monotonic() - session.heard_at >= self._leases.duration:
            return 0
        return max(0, session.capacity - session.reserved - self._leases.count(session.executor_id) + ending)

    @property
    def is_shared(self) -> bool:
        """Whether several sessions run prompts."""
        return sum(session.capacity > 0 for session in self._sessions.values()) > 1

    def with_room(self) -> list[Session]:
        """The sessions that may be given a prompt: the one with the most room first, of equals who waited longest."""
        candidates = [session for session in self._sessions.values() if self.free(session) > 0]
        return sorted(candidates, key=lambda session: (-self.free(session), session.last_served))

    def serves(self, session: Session) -> None:
        """Note that a session is given a prompt."""
        self._served += 1
        session.last_served = self._served

    def send_to_all(self, message: QueueMessage) -> list[str]:
        """Send a message to every executor; their ids."""
        for session in self.sessions():
            session.send(message)
        return list(self._sessions)

    def tell_demand(self, life: Life, *, wanted: bool) -> None:
        """Tell the executor of a running prompt whether anybody wants to be shown previews of it."""
        session = self.get(life.executor_id)
        if session is not None and not session.is_standby and life.lease is not None:
            session.send(PreviewDemand(life.lease, wanted))

    def executors(self) -> list[Executor]:
        """Everybody who is here."""
        return [session.describe(self.free(session)) for session in self._sessions.values()]

    def turn_away(self, reason: Unavailable) -> None:
        """End every stream, and let nobody join before `let_in`."""
        self._refusal = reason
        for session in self.sessions():
            session.end(reason)

    def let_in(self) -> None:
        """Let executors join again."""
        self._refusal = None


def _files(devices: tuple[Device, ...]) -> frozenset[str]:
    return frozenset(name for device in devices if device.memory for name in device.memory.files)
