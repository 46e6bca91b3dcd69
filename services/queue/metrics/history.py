"""What is forgotten of the history, counted."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class HistoryMetrics:
    """Counts what this replica sweeps up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._swept = Counter(
            "silverprint_queue_history_swept_total",
            "Finished prompts that were forgotten because there were more, or older ones, than are to be kept.",
            registry=registry,
        )

    def swept(self, prompts: int) -> None:
        """So many prompts were swept up."""
        self._swept.inc(prompts)
