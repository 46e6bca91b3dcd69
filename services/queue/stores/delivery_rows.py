"""Rows of deliveries as records and back: the same columns in every dialect of SQL."""

from __future__ import annotations

from services.queue.stores.rows import Row
from services.queue.webhooks.records import Delivery, DeliveryState


def delivery_columns(delivery: Delivery) -> Row:
    """The columns of a delivery."""
    return (
        delivery.delivery_id,
        delivery.prompt_id,
        delivery.url,
        delivery.event_type,
        delivery.payload,
        delivery.created_at,
        delivery.state.value,
        delivery.attempts,
        delivery.next_attempt_at,
        delivery.settled_at,
        delivery.last_error,
    )


def delivery_of(row: Row) -> Delivery:
    """The delivery of a row."""
    delivery_id, prompt_id, url, event_type, payload, created_at, state, *rest = row
    attempts, next_attempt_at, settled_at, last_error = rest
    return Delivery(
        delivery_id=delivery_id,
        prompt_id=prompt_id,
        url=url,
        event_type=event_type,
        payload=payload,
        created_at=created_at,
        state=DeliveryState(state),
        attempts=attempts,
        next_attempt_at=next_attempt_at,
        settled_at=settled_at,
        last_error=last_error,
    )
