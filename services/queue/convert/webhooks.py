"""Deliveries of webhooks, as `silverprint.queue.v1` has them."""

from __future__ import annotations

from services.errors import InvalidArgument
from services.queue.convert.times import from_optional_us, from_us, to_us
from services.queue.webhooks.records import Delivery, DeliverySearch, DeliveryState
from silverprint.queue.v1 import queue_pb2 as pb

_STATES: dict[DeliveryState, pb.WebhookDeliveryState.ValueType] = {
    DeliveryState.PENDING: pb.WEBHOOK_DELIVERY_STATE_PENDING,
    DeliveryState.DELIVERED: pb.WEBHOOK_DELIVERY_STATE_DELIVERED,
    DeliveryState.DEAD: pb.WEBHOOK_DELIVERY_STATE_DEAD,
}

_STATE_OF = {number: state for state, number in _STATES.items()}


def search_to_proto(search: DeliverySearch) -> pb.ListWebhookDeliveriesRequest:
    """The request of a search."""
    return pb.ListWebhookDeliveriesRequest(
        states=[_STATES[state] for state in search.states],
        prompt_id=search.prompt_id,
        limit=search.limit,
        offset=search.offset,
    )


def search_from_proto(request: pb.ListWebhookDeliveriesRequest) -> DeliverySearch:
    """The search of a request.

    Raises:
        InvalidArgument: a state is unknown.
    """
    unknown = [number for number in request.states if number not in _STATE_OF]
    if unknown:
        raise InvalidArgument(f"there is no state {unknown[0]} of a delivery")
    return DeliverySearch(
        states=frozenset(_STATE_OF[number] for number in request.states),
        prompt_id=request.prompt_id,
        limit=request.limit,
        offset=request.offset,
    )


def delivery_to_proto(delivery: Delivery) -> pb.WebhookDelivery:
    """The message of a delivery."""
    return pb.WebhookDelivery(
        delivery_id=delivery.delivery_id,
        prompt_id=delivery.prompt_id,
        url=delivery.url,
        event_type=delivery.event_type,
        state=_STATES[delivery.state],
        created_at_us=to_us(delivery.created_at),
        attempts=delivery.attempts,
        next_attempt_at_us=to_us(delivery.next_attempt_at),
        settled_at_us=to_us(delivery.settled_at),
        last_error=delivery.last_error,
        payload_json=delivery.payload,
    )


def delivery_from_proto(message: pb.WebhookDelivery) -> Delivery:
    """The delivery of a message."""
    return Delivery(
        delivery_id=message.delivery_id,
        prompt_id=message.prompt_id,
        url=message.url,
        event_type=message.event_type,
        state=_STATE_OF[message.state],
        created_at=from_us(message.created_at_us),
        attempts=message.attempts,
        next_attempt_at=from_optional_us(message.next_attempt_at_us),
        settled_at=from_optional_us(message.settled_at_us),
        last_error=message.last_error,
        payload=message.payload_json,
    )
