"""What becomes of webhooks, counted as it is noted."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from services.queue.webhooks.records import DeliveryState

#: By what the attempt left the delivery in.
_OUTCOMES = {DeliveryState.DELIVERED: "delivered", DeliveryState.PENDING: "failed", DeliveryState.DEAD: "dead"}


class WebhookMetrics:
    """Counts the attempts of this replica; "dead" is the last of a message, which somebody should look at."""

    def __init__(self, registry: CollectorRegistry) -> None:
        attempts = Counter(
            "silverprint_queue_webhook_attempts_total",
            "Attempts to deliver webhooks, by what they came to: delivered, failed (tried again later) or dead.",
            ["outcome"],
            registry=registry,
        )
        self._attempts = {state: attempts.labels(outcome) for state, outcome in _OUTCOMES.items()}

    def attempted(self, state: DeliveryState) -> None:
        """An attempt has left its delivery in this state."""
        self._attempts[state].inc()
