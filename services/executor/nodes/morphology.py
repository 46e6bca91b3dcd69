"""The node that widens and narrows what is bright in pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import IMAGE, chosen, whole
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.nodes.windows import window_maximum, window_minimum


def _dilated(pictures: Tensor, size: int) -> Tensor:
    return window_maximum(pictures, size, size)


def _eroded(pictures: Tensor, size: int) -> Tensor:
    return window_minimum(pictures, size, size)


def _opened(pictures: Tensor, size: int) -> Tensor:
    return _dilated(_eroded(pictures, size), size)


def _closed(pictures: Tensor, size: int) -> Tensor:
    return _eroded(_dilated(pictures, size), size)


#: Grey-scale morphology with a flat square (Serra, "Image Analysis and Mathematical Morphology", 1982).
OPERATIONS: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "erode": _eroded,
    "dilate": _dilated,
    "open": _opened,
    "close": _closed,
    "gradient": lambda pictures, size: _dilated(pictures, size) - _eroded(pictures, size),
    "bottom_hat": lambda pictures, size: _closed(pictures, size) - pictures,
    "top_hat": lambda pictures, size: pictures - _opened(pictures, size),
}


class Morphology(SchemaNode):
    """Bright parts of pictures widened, narrowed or singled out."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "process"
    CATEGORY = "image/postprocessing"
    DISPLAY_NAME = "ImageMorphology"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_morphology"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, what to do, and the side of the square in pixels."""
        return {"required": {"image": IMAGE, "operation": combo(*OPERATIONS), "kernel_size": whole(3, 3, 999)}}

    def process(self, image: Tensor, operation: str, kernel_size: int) -> tuple[Tensor]:
        """Return pictures of the same size; what lies beyond the edges does not count."""
        changed = chosen(OPERATIONS, operation, "operation")
        return (changed(image.movedim(-1, 1), kernel_size).movedim(1, -1),)


NODES = (Morphology,)
