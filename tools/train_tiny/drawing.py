"""Pictures of scenes, drawn from signed distances, and the latents computed from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from tools.train_tiny.scenes import SHAPES, Scene, palette

SIZE = 128  # pixels
CELL = 8  # pixels of the picture along one side of a latent pixel
RADIUS = 25.0  # pixels
RADIUS_JITTER = 0.12  # of the radius
PLACE_STEP = 32.0  # pixels between neighbouring places
PLACE_JITTER = 3.0  # pixels

LATENT_MEAN = (0.14, -0.04, -0.06, 0.03)
"""Of red, green and blue in -1..1 and of the edge energy, over random scenes."""
LATENT_STD = (0.80, 0.64, 0.72, 0.18)


def draw(scenes: Sequence[Scene], generator: torch.Generator) -> Tensor:
    """Pictures (scenes, 3, SIZE, SIZE) in 0..1 of complete scenes, sizes and places jittered."""
    fields = torch.tensor([(s.shape, s.colour, s.background, s.column, s.row) for s in scenes])
    jitter = torch.rand(len(scenes), 3, generator=generator) * 2 - 1
    radius = RADIUS * (1 + RADIUS_JITTER * jitter[:, 0])
    centre = SIZE / 2 + PLACE_STEP * fields[:, 3:5] + PLACE_JITTER * jitter[:, 1:3]
    colours = palette()
    front, back = colours[fields[:, 1]][:, :, None, None], colours[fields[:, 2]][:, :, None, None]
    return back + (front - back) * coverage(fields[:, 0], centre, radius)[:, None]


def draw_anything(count: int, generator: torch.Generator) -> Tensor:
    """Pictures (count, 3, SIZE, SIZE) in 0..1 of no scene: three objects of any colour and size on soft gradients."""
    grid = int(torch.randint(1, 7, (1,), generator=generator))
    soft = _any_colours(count, 3, grid, grid, generator=generator)
    pictures = functional.interpolate(soft, SIZE, mode="bilinear", align_corners=False)
    for _ in range(3):
        kinds = torch.randint(len(SHAPES), (count,), generator=generator)
        draws = torch.rand(count, 3, generator=generator)
        cover = coverage(kinds, draws[:, :2] * SIZE, 5 + 40 * draws[:, 2])[:, None]
        pictures = pictures + (_any_colours(count, 3, 1, 1, generator=generator) - pictures) * cover
    return pictures


def _any_colours(*shape: int, generator: torch.Generator) -> Tensor:
    # Widened and clamped, so that channels at their limits are as common as those between.
    return (torch.rand(*shape, generator=generator) * 2 - 0.5).clamp(0, 1)


def coverage(kinds: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
    """How much of each pixel (count, SIZE, SIZE) objects cover; centres (count, 2) and radii (count) in pixels."""
    axis = torch.arange(SIZE) + 0.5
    scale = radius[:, None, None]
    x = ((axis[None, None, :] - centre[:, 0, None, None]) / scale).expand(-1, SIZE, -1)
    y = ((axis[None, :, None] - centre[:, 1, None, None]) / scale).expand(-1, -1, SIZE)
    cover = torch.empty(len(kinds), SIZE, SIZE)
    for index, name in enumerate(SHAPES):
        chosen = kinds == index
        cover[chosen] = (0.5 - DISTANCES[name](x[chosen], y[chosen]) * scale[chosen]).clamp(0, 1)
    return cover


def latents_of(pictures: Tensor) -> Tensor:
    """Latents (count, 4, height/8, width/8) of about unit variance: mean colour and edge energy of each 8x8 cell."""
    signed = pictures * 2 - 1
    mean = functional.avg_pool2d(signed, CELL)
    square = functional.avg_pool2d(signed.square(), CELL)
    energy = (square - mean.square()).clamp(min=0).mean(dim=1, keepdim=True)
    raw = torch.cat([mean, energy.sqrt()], dim=1)
    return (raw - _column(LATENT_MEAN)) / _column(LATENT_STD)


def coarse_pictures(latents: Tensor) -> Tensor:
    """The mean colours (count, 3, height, width) in 0..1 that latents hold: pictures without a decoder."""
    raw = latents * _column(LATENT_STD) + _column(LATENT_MEAN)
    return ((raw[:, :3] + 1) / 2).clamp(0, 1)


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values)[None, :, None, None]


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.88


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    # An upright triangle of half-width 1.1 between y = -1 and y = 0.85; the slope's normal is (1.85, -1.1).
    length = math.hypot(1.85, 1.1)
    slope = (x.abs() * 1.85 - (y + 1) * 1.1) / length
    return torch.maximum(slope, y - 0.85)


def _star(x: Tensor, y: Tensor) -> Tensor:
    # Folded into one half-point of the star, which is then one straight edge from the tip to the notch.
    tip, notch = 1.15, 0.46
    turn = 2 * math.pi / 5
    angle = torch.atan2(x, -y)
    folded = (angle - turn * torch.round(angle / turn)).abs()
    reach = torch.hypot(x, y)
    along, across = reach * torch.cos(folded), reach * torch.sin(folded)
    end_x, end_y = notch * math.cos(turn / 2), notch * math.sin(turn / 2)
    length = math.hypot(end_x - tip, end_y)
    return ((along - tip) * end_y - across * (end_x - tip)) / length


def _heart(x: Tensor, y: Tensor) -> Tensor:
    # A square standing on its corner, with a half disc on each of the upper sides.
    half = 0.62
    diamond = (x.abs() + (y - 0.12).abs() - half * math.sqrt(2)) / math.sqrt(2)
    shoulder = half / math.sqrt(2)
    discs = torch.hypot(x.abs() - shoulder, y - 0.12 + shoulder) - half
    return torch.minimum(diamond, discs)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    arm = 0.34
    upright = torch.maximum(x.abs() - arm, y.abs() - 1)
    level = torch.maximum(x.abs() - 1, y.abs() - arm)
    return torch.minimum(upright, level)


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
}
