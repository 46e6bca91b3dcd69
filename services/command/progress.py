"""A progress bar in the terminal, fed by ComfyUI's messages."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Never, Self

from tqdm import tqdm


class ProgressBar:
    """Shows which node runs and, within it, how many steps are done."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self._classes = {node_id: node.get("class_type", "?") for node_id, node in graph.items()}
        self._bar: tqdm[Never] = tqdm(total=1, unit="step", dynamic_ncols=True)
        self._bar.set_description_str("waiting")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def update(self, message: str, data: dict[str, Any]) -> None:
        """Take in one message of the prompt."""
        if message == "executing" and data.get("node"):
            self._bar.set_description_str(self._classes.get(data["node"], data["node"]))
        elif message == "progress":
            self._show(data["value"], data["max"])
        elif message == "execution_success":
            self._bar.set_description_str("done")

    def _show(self, value: float, maximum: float) -> None:
        if self._bar.total != maximum:
            self._bar.reset(total=maximum)
        self._bar.n = value
        self._bar.refresh()
