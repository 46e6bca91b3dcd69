"""What a node returns, brought to the shape that the engine reads."""

from __future__ import annotations

from typing import Any

from services.executor.engine.blocking import ExecutionBlocker


class NodeOutput:
    """Values for the outputs, what to show, nodes to expand to, or why not to go on."""

    def __init__(
        self,
        *args: Any,
        ui: Any = None,
        expand: dict[str, Any] | None = None,
        block_execution: str | None = None,
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The values, None for none."""
        return self.args or None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NodeOutput:
        """Read the older form."""
        result = data.get("result")
        if isinstance(result, ExecutionBlocker):
            return cls(ui=data.get("ui"), expand=data.get("expand"), block_execution=result.message or "")
        values = result.args if isinstance(result, NodeOutput) else tuple(result or ())
        return cls(*values, ui=data.get("ui"), expand=data.get("expand"))

    def __getitem__(self, index: int) -> Any:
        return self.args[index]


def engine_result(returned: Any, output_count: int) -> Any:
    """The return value of `execute` as a node of the older interface would give it.

    Raises:
        TypeError: it is nothing that a node may return.
    """
    if returned is None:
        returned = NodeOutput()
    if isinstance(returned, ExecutionBlocker):
        return (returned,) * output_count
    if isinstance(returned, tuple | dict):
        return returned
    if not isinstance(returned, NodeOutput):
        raise TypeError(f"execute returned a {type(returned).__name__}, expected a NodeOutput")
    values = returned.args
    if returned.block_execution is not None:
        values = (ExecutionBlocker(returned.block_execution or None),) * output_count
    answer: dict[str, Any] = {}
    if values or not output_count:
        answer["result"] = values
    if returned.ui is not None:
        answer["ui"] = returned.ui.as_dict() if hasattr(returned.ui, "as_dict") else returned.ui
    if returned.expand is not None:
        answer["expand"] = returned.expand
    return answer
