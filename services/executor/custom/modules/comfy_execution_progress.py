"""`comfy_execution.progress`: how far the running node is."""

from __future__ import annotations

from typing import Any

from services.executor.custom.modules.progress_bar import report
from services.executor.custom.running_node import running_node


class ProgressRegistry:
    """The progress of the prompt that runs; a node reports for itself only."""

    def __init__(self, prompt_id: str) -> None:
        self.prompt_id = prompt_id

    def update_progress(self, node_id: str, value: float, max_value: float, image: Any = None) -> None:
        """Say that `value` of `max_value` units are done; `image` is (format, picture, longest side).

        Raises:
            Interrupted: somebody asked to stop.
            ValueError: another node runs here.
        """
        node = running_node()
        if node is None or node.node.node_id != node_id:
            raise ValueError(f"node {node_id} does not run here, so it cannot have made progress")
        report(value, max_value, image)


def get_progress_state() -> ProgressRegistry:
    """The progress of the prompt that runs in this thread or task."""
    node = running_node()
    return ProgressRegistry("" if node is None else node.prompt_id)
