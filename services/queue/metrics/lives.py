"""What happens to prompts, counted as it is committed."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.errors import ResourceExhausted
from services.graph.errors import PromptRejected
from services.queue.life import Life, Step
from services.queue.metrics.depth import PRIORITIES, priority_class
from services.queue.records import PromptState

#: Seconds; from an idle executor to a long night.
WAITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)

#: Seconds; from a cached result to a long video.
RUNS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

_TERMINAL = tuple(state for state in PromptState if state.is_terminal)


class LifeMetrics:
    """Counts what this replica commits; sums over replicas are the whole."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._submitted = Counter(
            "silverprint_queue_prompts_submitted_total", "Prompts that were accepted.", registry=registry
        )
        self._rejected = Counter(
            "silverprint_queue_prompts_rejected_total",
            "Prompts that were not accepted, by what was wrong.",
            ["reason"],
            registry=registry,
        )
        finished = Counter(
            "silverprint_queue_prompts_finished_total",
            "Prompts that have ended, by how.",
            ["outcome"],
            registry=registry,
        )
        waits = Histogram(
            "silverprint_queue_wait_seconds",
            "Time from a prompt's submission to its first start, by class of priority.",
            ["priority"],
            buckets=WAITS,
            registry=registry,
        )
        runs = Histogram(
            "silverprint_queue_run_seconds",
            "Time that the last attempt of a prompt took, by how it ended.",
            ["outcome"],
            buckets=RUNS,
            registry=registry,
        )
        self._attempts = Counter(
            "silverprint_queue_attempts_total", "Times that prompts were given to executors.", registry=registry
        )
        self._redeliveries = Counter(
            "silverprint_queue_redeliveries_total",
            "Prompts that wait again because their executor was lost or gave them back.",
            registry=registry,
        )
        self._expiries = Counter("silverprint_queue_lease_expiries_total", "Leases that ran out.", registry=registry)
        # Labels are looked up once: a prompt pays for every microsecond here.
        self._finished = {state: finished.labels(state.value) for state in _TERMINAL}
        self._runs = {state: runs.labels(state.value) for state in _TERMINAL}
        self._waits = {name: waits.labels(name) for name in PRIORITIES}

    def see(self, step: Step) -> None:
        """Count a committed step."""
        life = step.life
        if step.before is life.state:
            return
        if life.state is PromptState.RUNNING:
            self._began(life)
        elif life.state.is_terminal:
            self._ended(life)
        elif step.before is PromptState.RUNNING:
            self._redeliveries.inc()
        if step.before is None:
            self._submitted.inc()

    def rejected(self, error: PromptRejected | ResourceExhausted) -> None:
        """Count a prompt that was not accepted, by what was wrong with it or by the limit that was reached."""
        self._rejected.labels(error.type if isinstance(error, PromptRejected) else error.reason).inc()

    def lease_expired(self) -> None:
        """Count a lease that ran out."""
        self._expiries.inc()

    def _began(self, life: Life) -> None:
        self._attempts.inc()
        if len(life.attempts) == 1 and life.started_at is not None:
            self._waits[priority_class(life.priority)].observe(max(0.0, life.started_at - life.submitted_at))

    def _ended(self, life: Life) -> None:
        self._finished[life.state].inc()
        if life.attempts and life.started_at is not None and life.finished_at is not None:
            self._runs[life.state].observe(max(0.0, life.finished_at - life.started_at))
