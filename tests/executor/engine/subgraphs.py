"""Node classes that make others while they run, and the builder they make them with."""

from __future__ import annotations

from typing import Any

from services.executor.engine.context import current_context
from tests.executor.engine.nodes import Negate


class Builder:
    """Builds subgraphs as node packs do: ids begin with what the engine says and count from 1."""

    def __init__(self) -> None:
        self.prefix = current_context().next_subgraph_prefix()
        self.nodes: dict[str, dict[str, Any]] = {}

    def node(self, class_type: str, name: str = "", *, shown_as: str = "", **inputs: Any) -> str:
        """Add a node; answers its id."""
        node_id = f"{self.prefix}{name or len(self.nodes) + 1}"
        self.nodes[node_id] = {"class_type": class_type, "inputs": inputs}
        if shown_as:
            self.nodes[node_id]["override_display_id"] = shown_as
        return node_id


class Expand:
    """So many negations in a row, and an output of its own."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",), "n": ("INT", {})}}

    def go(self, image: Any, n: int) -> Any:
        builder = Builder()
        last = image
        for _ in range(n):
            last = [builder.node("Negate", image=last), 0]
        builder.node("Show", images=last)
        return {"result": (last,), "expand": builder.nodes}


class Countdown(Expand):
    """Doubles as often as it is told to, through a copy of itself."""

    def go(self, image: Any, n: int) -> Any:
        if n == 0:
            return (image,)
        builder = Builder()
        doubled = builder.node("Double", image=image)
        again = builder.node("Countdown", image=[doubled, 0], n=n - 1)
        return {"result": ([again, 0],), "expand": builder.nodes}


class Double(Negate):
    """Twice the number."""

    def go(self, image: Any) -> Any:
        return (image * 2,)


class WhileOpen:
    """Where a loop begins: passes its number on."""

    RETURN_TYPES = ("FLOW", "IMAGE")
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("IMAGE",)}}

    def go(self, value: Any) -> Any:
        return "flow", value


class WhileClose:
    """Where a loop ends: runs a copy of what is between, until the number is at least the limit."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "go"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"flow": ("FLOW", {"rawLink": True}), "value": ("IMAGE",), "limit": ("INT", {})},
            "hidden": {"prompt": "DYNPROMPT", "me": "UNIQUE_ID"},
        }

    def go(self, flow: Any, value: Any, limit: int, prompt: Any, me: str) -> Any:
        if value >= limit:
            return (value,)
        builder = Builder()
        inside = self._between(flow[0], me, prompt)
        names = {node_id: str(index) for index, node_id in enumerate([flow[0], *inside, me])}
        for node_id, name in names.items():
            original = prompt.get_node(node_id)
            inputs = {
                key: [builder.prefix + names[item[0]], item[1]] if isinstance(item, list) and item[0] in names else item
                for key, item in original["inputs"].items()
            }
            if node_id == flow[0]:
                inputs["value"] = value
            builder.node(original["class_type"], name, shown_as=node_id, **inputs)
        return {"result": ([builder.prefix + names[me], 0],), "expand": builder.nodes}

    def _between(self, first: str, last: str, prompt: Any) -> list[str]:
        """The nodes that depend on the first one and that the last one depends on."""
        found: dict[str, bool] = {first: True}

        def depends(node_id: str) -> bool:
            if node_id not in found:
                links = [item for item in prompt.get_node(node_id)["inputs"].values() if isinstance(item, list)]
                found[node_id] = any(list(map(depends, [link[0] for link in links])))
            return found[node_id]

        depends(last)
        return [node_id for node_id, inside in found.items() if inside and node_id not in (first, last)]


SUBGRAPHS = (Expand, Countdown, Double, WhileOpen, WhileClose)
