"""What a pack's `comfy_entrypoint` returns."""

from __future__ import annotations

from services.executor.custom.v3.node import ComfyNode


class ComfyExtension:
    """A list of node classes."""

    async def on_load(self) -> None:
        """Called once, before the nodes are asked for."""

    async def get_node_list(self) -> list[type[ComfyNode]]:
        """The node classes."""
        raise NotImplementedError(f"{type(self).__name__} has no get_node_list")
