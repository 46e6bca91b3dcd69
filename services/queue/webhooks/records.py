"""What is to be told to whom, and what became of it. Times are seconds since the epoch."""

from __future__ import annotations

import enum

import msgspec


class DeliveryState(enum.Enum):
    """Where a delivery is."""

    PENDING = "pending"  #: is to be sent, for the first time or again
    DELIVERED = "delivered"  #: the receiver took it
    DEAD = "dead"  #: given up; it is sent again when somebody asks for it


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one receiver: the end of a prompt."""

    #: the same in every attempt, so that a receiver can tell what it has seen
    delivery_id: str
    prompt_id: str
    url: str
    #: "prompt.succeeded" and so on
    event_type: str
    #: the JSON document that is sent, byte for byte
    payload: bytes
    created_at: float
    state: DeliveryState = DeliveryState.PENDING
    #: attempts that were begun since it was made, or sent again on demand
    attempts: int = 0
    #: when it is tried next; None when it is not
    next_attempt_at: float | None = None
    #: when it was delivered or given up
    settled_at: float | None = None
    #: why the last attempt failed, for people; empty when it did not
    last_error: str = ""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to."""

    state: DeliveryState
    #: set when it is to be tried again
    next_attempt_at: float | None = None
    settled_at: float | None = None
    error: str = ""


class DeliverySearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to list; the newest come first."""

    #: empty for all
    states: frozenset[DeliveryState] = frozenset()
    #: empty for those of all prompts
    prompt_id: str = ""
    limit: int = 100
    offset: int = 0


Deliveries = list[Delivery]
