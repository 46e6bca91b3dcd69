"""`comfy_execution.graph`: what nodes return to keep others from running, and the prompt that they see."""

from __future__ import annotations

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.dynamic_prompt import DynamicPrompt

__all__ = ["DynamicPrompt", "ExecutionBlocker"]
