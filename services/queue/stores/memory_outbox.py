"""Deliveries of webhooks in memory."""

from __future__ import annotations

import msgspec

from services.queue.webhooks.outbox import Outbox
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch, DeliveryState, Settlement


class MemoryOutbox(Outbox):
    """One dictionary, in the order in which deliveries were made."""

    def __init__(self) -> None:
        self._kept: dict[str, Delivery] = {}

    def add(self, deliveries: Deliveries) -> None:
        """Keep new ones."""
        self._kept |= {delivery.delivery_id: delivery for delivery in deliveries}

    async def claim(self, *, now: float, until: float, limit: int) -> Deliveries:
        due = sorted((due, id_) for id_, due in self._due().items() if due <= now)
        return [
            self._change(id_, attempts=self._kept[id_].attempts + 1, next_attempt_at=until) for _, id_ in due[:limit]
        ]

    async def settle(self, delivery_id: str, attempt: int, settlement: Settlement) -> bool:
        known = self._kept.get(delivery_id)
        if known is None or known.attempts != attempt or known.state is not DeliveryState.PENDING:
            return False
        self._change(
            delivery_id,
            state=settlement.state,
            next_attempt_at=settlement.next_attempt_at,
            settled_at=settlement.settled_at,
            last_error=settlement.error,
        )
        return True

    async def next_due(self) -> float | None:
        return min(self._due().values(), default=None)

    async def list(self, search: DeliverySearch) -> Deliveries:
        found = [delivery for delivery in reversed(self._kept.values()) if _is_wanted(delivery, search)]
        rest = found[search.offset :]
        return rest[: search.limit] if search.limit else rest

    async def redeliver(self, delivery_id: str, now: float) -> Delivery | None:
        if delivery_id not in self._kept:
            return None
        return self._change(delivery_id, state=DeliveryState.PENDING, attempts=0, next_attempt_at=now, settled_at=None)

    async def forget_settled(self, *, delivered_before: float, dead_before: float, limit: int) -> int:
        before = {DeliveryState.DELIVERED: delivered_before, DeliveryState.DEAD: dead_before}
        old = [
            id_
            for id_, delivery in self._kept.items()
            if delivery.settled_at is not None and delivery.settled_at < before.get(delivery.state, 0.0)
        ]
        for id_ in old[:limit]:
            del self._kept[id_]
        return len(old[:limit])

    def _due(self) -> dict[str, float]:
        return {id_: kept.next_attempt_at for id_, kept in self._kept.items() if kept.next_attempt_at is not None}

    def _change(self, delivery_id: str, **changes: object) -> Delivery:
        self._kept[delivery_id] = changed = msgspec.structs.replace(self._kept[delivery_id], **changes)
        return changed


def _is_wanted(delivery: Delivery, search: DeliverySearch) -> bool:
    in_state = not search.states or delivery.state in search.states
    return in_state and search.prompt_id in ("", delivery.prompt_id)
