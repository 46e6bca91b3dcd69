"""Between the queue and the worker's packs: what they found, what is asked of them, what they say."""

from __future__ import annotations

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
    """Passes on what is said while both ends are there; a call does not outlive either of them."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._report: PackReport | None = None
        self._calls: set[str] = set()
        self._is_connected = False

    def connected(self) -> None:
        """The queue has to be told what there is."""
        self._is_connected = True
        if self._report is not None:
            self._outbox.say(self._report)

    def disconnected(self, worker: WorkerProcess | None) -> None:
        """Nobody waits for answers any more."""
        self._is_connected = False
        if worker is not None:
            for call_id in self._calls:
                worker.send(PackCancellation(call_id))
        self._calls.clear()

    def worker_ended(self, how: str) -> None:
        """What was asked of it is not answered any more."""
        for call_id in self._calls:
            self._say(PackResponse(call_id, None, f"the worker of the executor {how}"))
        self._calls.clear()

    def obey(self, order: PackOrder, worker: WorkerProcess | None) -> None:
        """Pass on what the queue wants."""
        match order:
            case PackRequest(call_id) if worker is None:
                self._say(PackResponse(call_id, None, "the worker of the executor is starting"))
            case PackRequest(call_id):
                self._calls.add(call_id)
            case PackCancellation(call_id):
                self._calls.discard(call_id)
            case PackFlow():
                pass
        if worker is not None:
            worker.send(order)

    def hear(self, message: PackReport | PackMessage | PackResponse) -> None:
        """Pass on what the worker says."""
        match message:
            case PackReport():
                self._report = message
            case PackResponse(call_id, None):
                self._calls.discard(call_id)
        self._say(message)

    def _say(self, message: PackReport | PackMessage | PackResponse) -> None:
        if self._is_connected:
            self._outbox.say(message)
