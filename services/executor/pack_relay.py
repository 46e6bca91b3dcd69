"""Between the queue and the worker's packs: what they found, what is asked of them, what they say."""

from __future__ import annotations

from collections.abc import Callable

from services.executor.outbox import Outbox
from services.executor.worker_process import WorkerProcess
from services.queue.packs import (
    PackCancellation,
    PackFlow,
    PackMessage,
    PackOrder,
    PackReport,
    PackRequest,
    PackResponse,
)


class PackRelay:
    """Passes on what is said while both ends are there; a call does not outlive either of them.

    An end at the queue's side is the outbox for one of its replicas; `home` tells which of them hears what packs say
    to browsers.
    """

    def __init__(self, home: Callable[[], Outbox]) -> None:
        self._home = home
        self._report: PackReport | None = None
        #: who asked
        self._calls: dict[str, Outbox] = {}
        self._connected: set[Outbox] = set()

    def connected(self, outbox: Outbox) -> None:
        """A replica of the queue has to be told what there is."""
        self._connected.add(outbox)
        if self._report is not None:
            outbox.say(self._report)

    def disconnected(self, outbox: Outbox, worker: WorkerProcess | None) -> None:
        """Nobody waits for answers there any more."""
        self._connected.discard(outbox)
        for call_id in [call_id for call_id, asker in self._calls.items() if asker is outbox]:
            del self._calls[call_id]
            if worker is not None:
                worker.send(PackCancellation(call_id))

    def worker_ended(self, how: str) -> None:
        """What was asked of it is not answered any more."""
        for call_id, asker in self._calls.items():
            asker.say(PackResponse(call_id, None, f"the worker of the executor {how}"))
        self._calls.clear()

    def obey(self, order: PackOrder, asker: Outbox, worker: WorkerProcess | None) -> None:
        """Pass on what the queue wants."""
        match order:
            case PackRequest(call_id) if worker is None:
                asker.say(PackResponse(call_id, None, "the worker of the executor is starting"))
            case PackRequest(call_id):
                self._calls[call_id] = asker
            case PackCancellation(call_id):
                self._calls.pop(call_id, None)
            case PackFlow():
                pass
        if worker is not None:
            worker.send(order)

    def hear(self, message: PackReport | PackMessage | PackResponse) -> None:
        """Pass on what the worker says."""
        match message:
            case PackReport():
                self._report = message
                for outbox in self._connected:
                    outbox.say(message)
            case PackResponse(call_id):
                asker = self._calls.pop(call_id, None) if message.part is None else self._calls.get(call_id)
                if asker is not None:
                    asker.say(message)
            case PackMessage() if self._home() in self._connected:
                self._home().say(message)
