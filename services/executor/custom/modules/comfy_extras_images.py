"""What `comfy_extras.nodes_images` holds beside its nodes."""

from __future__ import annotations

from services.executor.nodes.vector_graphics import SVG

__all__ = ["SVG"]
