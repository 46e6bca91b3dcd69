"""What the deliverer asks of whatever keeps deliveries; every store of the queue has one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch, Settlement


class Outbox(ABC):
    """Keeps deliveries until they are made, and for a while after.

    They are put in by the store, in the transaction that ends their prompt, so that neither is there without the
    other. Several queues may share an outbox: a delivery that one of them claims is not given to the others meanwhile.

    Every method raises `Unavailable` when the storage fails.
    """

    @abstractmethod
    async def claim(self, *, now: float, until: float, limit: int) -> Deliveries:
        """Begin an attempt at those that are due, the ones due longest first; each is due again at `until`.

        What is answered counts the attempt already.
        """

    @abstractmethod
    async def settle(self, delivery_id: str, attempt: int, settlement: Settlement) -> bool:
        """Note what an attempt came to; False, and no change, when it is not the latest one any more."""

    @abstractmethod
    async def next_due(self) -> float | None:
        """When the next one is due; None when none waits."""

    @abstractmethod
    async def list(self, search: DeliverySearch) -> Deliveries:
        """The newest first."""

    @abstractmethod
    async def redeliver(self, delivery_id: str, now: float) -> Delivery | None:
        """Make a delivery due now, whatever became of it, its attempts counted anew; None when there is none."""

    @abstractmethod
    async def forget_settled(self, *, delivered_before: float, dead_before: float, limit: int) -> int:
        """Delete at most so many that were delivered or given up before these times; how many there were."""
