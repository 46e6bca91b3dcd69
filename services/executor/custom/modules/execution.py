"""`execution`: little of it, as prompts run in an engine of our own."""

from __future__ import annotations

from services.executor.engine.blocking import ExecutionBlocker

__all__ = ["ExecutionBlocker"]
