"""How much waits and runs, as families of metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from services.queue.records import Depth, PromptState

#: Classes of priorities: labels are few.
PRIORITIES = ("high", "normal", "low")

_STATES = (PromptState.PENDING, PromptState.RUNNING)
_USERS = ("named", "anonymous")


def depth_families(depths: Iterable[Depth], now: float) -> Iterator[Metric]:
    """Prompts by state, class of priority and whether they have a user, and the age of the oldest that waits."""
    prompts: Counter[tuple[str, str, str]] = Counter()
    oldest: dict[str, float] = {}
    for depth in depths:
        priority = priority_class(depth.priority)
        prompts[depth.state.value, priority, _USERS[not depth.is_named]] += depth.prompts
        if depth.state is PromptState.PENDING:
            oldest[priority] = min(oldest.get(priority, now), depth.oldest)
    family = GaugeMetricFamily(
        "silverprint_queue_depth",
        "Prompts that wait or run, by state, class of priority, and whether they have a user.",
        labels=["state", "priority", "user"],
    )
    for labels in ((state.value, priority, user) for state in _STATES for priority in PRIORITIES for user in _USERS):
        family.add_metric(labels, prompts[labels])
    yield family
    ages = GaugeMetricFamily(
        "silverprint_queue_oldest_waiting_seconds",
        "How long the oldest waiting prompt has waited, 0 when none waits.",
        labels=["priority"],
    )
    for priority in PRIORITIES:
        ages.add_metric([priority], max(0.0, now - oldest.get(priority, now)))
    yield ages


def priority_class(priority: int) -> str:
    """ "high" above zero, "normal" at zero, "low" below."""
    return PRIORITIES[0 if priority > 0 else 1 if priority == 0 else 2]
