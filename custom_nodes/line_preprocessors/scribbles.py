"""Lines as a pen would draw them.

A difference of Gaussians finds where a picture is darker than around it: dark lines along their middle, edges along
their dark side (Marr and Hildreth 1980, "Theory of edge detection"; Winnemoeller et al. 2012, "XDoG"). What is found is
thinned to one pixel and drawn in one width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from .drawn import thinned, touching
from .filters import blurred, surroundings

#: Deviation of the narrower Gaussian, in pixels of a picture with a shorter side of USUAL_SIDE.
SCALE, USUAL_SIDE = 1.8, 512
#: Of the wider one to the narrower one.
WIDER = 2.5
#: How much darker a line is than around it where it is certain, and where it may go on.
CERTAIN, POSSIBLE = 0.02, 0.008
#: Deviation of the surroundings that a line has to stand out from, and how much of what is in them counts as texture.
SURROUNDINGS, TEXTURE_SHARE = 16.0, 0.7
#: By which colours are compared: where one falls as much as another rises, it is always the same one that counts.
COLOUR_WEIGHTS = (1.0, 1.1, 0.65)
#: Pixels of a line that are to be seen within a square of twice so many around each of them; others are specks.
SHORTEST = 8
LINE_WIDTH = 3


def scribbles(images: Tensor) -> Tensor:
    """Lines (batch, 1, height, width) of 0 and 1 of pictures (batch, 3, height, width)."""
    unit = min(images.shape[-2:]) / USUAL_SIDE
    darker = _darker(images, unit)
    lines = thinned(touching((darker > CERTAIN).float(), (darker > POSSIBLE).float()))
    width = max(1, round(LINE_WIDTH * unit)) // 2 * 2 + 1
    return functional.max_pool2d(_without_specks(lines, unit), width, stride=1, padding=width // 2)


def _darker(images: Tensor, unit: float) -> Tensor:
    """How much darker a picture is than around each pixel, in the colour that differs most, texture taken off."""
    scale = max(0.6, SCALE * unit)
    difference = blurred(images, scale * WIDER) - blurred(images, scale)
    weights = difference.new_tensor(COLOUR_WEIGHTS).view(1, -1, 1, 1)
    most = difference.gather(1, (difference.abs() * weights).argmax(1, keepdim=True))
    return most - TEXTURE_SHARE * surroundings(most.abs(), SURROUNDINGS * unit)


def _without_specks(lines: Tensor, unit: float) -> Tensor:
    reach = max(2, round(SHORTEST * unit))
    side = 2 * reach + 1
    near = functional.avg_pool2d(lines, (side, 1), stride=1, padding=(reach, 0))
    near = functional.avg_pool2d(near, (1, side), stride=1, padding=(0, reach)) * side**2
    return lines * (near > reach - 0.5)
