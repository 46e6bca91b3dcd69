"""What `comfy_extras.nodes_mask` holds beside its nodes."""

from __future__ import annotations

from torch import Tensor

from services.executor.nodes.pasting import pasted


def composite(
    destination: Tensor,
    source: Tensor,
    x: int,
    y: int,
    mask: Tensor | None = None,
    multiplier: int = 8,
    resize_source: bool = False,
) -> Tensor:
    """Paste a source into a copy of the destination, both (batch, channels, height, width); x and y are in pixels, of
    which `multiplier` make a cell."""
    return pasted(destination, source, x // multiplier, y // multiplier, mask, resize_source=resize_source)
