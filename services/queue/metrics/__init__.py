"""What Prometheus is told of the queue, its prompts and its executors."""

from __future__ import annotations
