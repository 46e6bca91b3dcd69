"""The node that finds edges."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.colour_spaces import brightness
from services.executor.nodes.declarations import IMAGE, number
from services.executor.nodes.filters import bell, smoothed
from services.executor.nodes.schema_node import SchemaNode

SMOOTHING = torch.arange(-2.0, 3.0)  # pixels, of a Gaussian with a standard deviation of 1

#: Keeps the root of a flat picture's gradient from 0.
LEAST_SQUARE = 1e-6

#: (down, right) of the neighbour in each direction, in steps of 45 degrees clockwise from the right.
NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


class Canny(SchemaNode):
    """White edges on black."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "detect_edge"
    CATEGORY = "image/preprocessors"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_canny"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pictures, the contrast that may continue an edge, and the contrast that is one for certain."""
        return {
            "required": {
                "image": IMAGE,
                "low_threshold": number(0.4, 0.01, 0.99, 0.01),
                "high_threshold": number(0.8, 0.01, 0.99, 0.01),
            }
        }

    def detect_edge(self, image: Tensor, low_threshold: float, high_threshold: float) -> tuple[Tensor]:
        """Return pictures (batch, height, width, 3) of 0 and 1.

        Raises:
            ValueError: the low threshold is above the high one.
        """
        if low_threshold > high_threshold:
            raise ValueError(f"low_threshold: {low_threshold} is above high_threshold, which is {high_threshold}")
        grey = brightness(image) if image.shape[-1] >= 3 else image[..., 0]
        return (canny(grey, low_threshold, high_threshold).unsqueeze(-1).expand(-1, -1, -1, 3),)


def canny(grey: Tensor, low: float, high: float) -> Tensor:
    """Edges (batch, height, width) of 0 and 1: Canny, "A Computational Approach to Edge Detection" (1986).

    The picture is smoothed; where its gradient is steeper than at both neighbours along it, and above `high`, there is
    an edge, and where it is above `low` if such a place is connected to an edge.
    """
    down, right = _gradient(smoothed(grey, bell(SMOOTHING, 1.0)).unsqueeze(1))
    steepness = (down.square() + right.square() + LEAST_SQUARE).sqrt()
    direction = (torch.atan2(down, right) / (math.pi / 4)).round().long() % len(NEIGHBOURS)
    steepness = torch.where(_is_ridge(steepness, direction), steepness, 0.0)
    return _connected((steepness > high).float(), (steepness > low).float()).squeeze(1)


def _gradient(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's derivatives along columns and rows; pixels at the edges are repeated beyond them."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    kernels = torch.stack((across.T, across)).unsqueeze(1).to(grey)
    slopes = functional.conv2d(functional.pad(grey, (1, 1, 1, 1), "replicate"), kernels)
    return slopes[:, :1], slopes[:, 1:]


def _is_ridge(steepness: Tensor, direction: Tensor) -> Tensor:
    """Whether it is steeper than at the neighbours ahead and behind; beyond the edges it is flat."""
    height, width = steepness.shape[-2:]
    padded = functional.pad(steepness, (1, 1, 1, 1))
    above = torch.cat(
        [
            steepness > padded[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]
            for down, right in NEIGHBOURS
        ],
        1,
    )
    ahead, behind = above.gather(1, direction), above.gather(1, (direction + 4) % len(NEIGHBOURS))
    return ahead & behind


def _connected(edges: Tensor, possible: Tensor) -> Tensor:
    """Let edges grow into what is possible next to them, diagonals included, until nothing is added."""
    while True:
        grown = functional.max_pool2d(edges, 3, stride=1, padding=1) * possible
        if torch.equal(grown, edges):
            return grown
        edges = grown


NODES = (Canny,)
