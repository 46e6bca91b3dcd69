"""`comfy_execution.graph`: what keeps nodes from running, the prompt that they see, and what their inputs are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.dynamic_prompt import DynamicPrompt

__all__ = ["DynamicPrompt", "ExecutionBlocker", "get_input_info"]


def get_input_info(
    class_def: Any, input_name: str, valid_inputs: Mapping[str, Any] | None = None
) -> tuple[Any, str, dict[str, Any]] | tuple[None, None, None]:
    """The type of an input, whether it is "required", "optional" or "hidden", and its options; None for what there is
    not."""
    declared = class_def.INPUT_TYPES() if valid_inputs is None else valid_inputs
    for group in ("required", "optional", "hidden"):
        config = (declared.get(group) or {}).get(input_name)
        if isinstance(config, list | tuple) and config:
            return config[0], group, dict(config[1]) if len(config) > 1 else {}
        if config is not None:
            return config, group, {}
    return None, None, None
