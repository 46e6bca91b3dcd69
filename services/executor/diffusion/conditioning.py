"""The CONDITIONING value, and its entries prepared for one sampling run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.model_sampling import ModelSampling

Conditioning = Sequence[Sequence[Any]]
"""What flows between nodes: a list of [embedding (batch, tokens, width), options] pairs.

Options that sampling reads: `pooled_output` and sizes (by the model), `area`, `strength`, `mask`, `mask_strength`,
`set_area_to_bounds`, `start_percent`, `end_percent`, `clip_start_percent`, `clip_end_percent` (outside which another
text encoder speaks), `default`, `hooks`.
"""

FEATHER = 8  # cells over which an area's weight fades towards edges inside the picture
LONGEST_REPEAT = 4  # a shorter context is repeated at most this often to share a batch with a longer one
SMALLEST_BOUNDS = 8  # cells; the least height and width of an area taken from a mask


@dataclass(frozen=True)
class Region:
    """A rectangle of the latent, in cells."""

    height: int
    width: int
    top: int
    left: int

    def of(self, x: Tensor) -> Tensor:
        """Return the view of x (..., height, width) inside the rectangle."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def contains(self, other: Region) -> bool:
        """Whether the other rectangle lies inside this one."""
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.top + self.height >= other.top + other.height
            and self.left + self.width >= other.left + other.width
        )

    def clipped_to(self, height: int, width: int) -> Region:
        """Return the part inside a latent of that size."""
        return replace(self, height=min(self.height, height - self.top), width=min(self.width, width - self.left))


@dataclass(frozen=True, eq=False)
class Condition:
    """One entry of a conditioning, resolved for a latent's size.

    Attributes:
        context: (1 or batch, tokens, width) on the model's device.
        vector: (1 or batch, features) pooled conditioning, if the family has one.
        region: where it applies; None is everywhere.
        weight: its share where conditions overlap, a number or (1 or batch, 1, height, width) of the region.
        sigma_start, sigma_end: the noise levels between which it applies, from high to low.
        is_fallback: it applies only where, and as far as, no other condition does.
    """

    context: Tensor
    vector: Tensor | None = None
    region: Region | None = None
    weight: float | Tensor = 1.0
    sigma_start: float = float("inf")
    sigma_end: float = 0.0
    is_fallback: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it applies to every cell alike."""
        return self.region is None and not isinstance(self.weight, Tensor)

    def applies_at(self, sigma: float) -> bool:
        """Whether the noise level lies in its range."""
        return self.sigma_end <= sigma <= self.sigma_start

    def fits(self, other: Condition) -> bool:
        """Whether both can share a batch: regions of one size, and contexts that need little repeating."""
        if self._size != other._size or self.context.shape[2] != other.context.shape[2]:
            return False
        if (self.vector is None) != (other.vector is None):
            return False
        tokens = self.context.shape[1], other.context.shape[1]
        return math.lcm(*tokens) // min(tokens) <= LONGEST_REPEAT

    @property
    def _size(self) -> tuple[int, int] | None:
        return None if self.region is None else (self.region.height, self.region.width)


def resolved_range(options: Mapping[str, Any], sampling: ModelSampling) -> tuple[float, float]:
    """Return the noise levels at which a condition begins and ends to apply.

    Raises:
        ValueError: a share of the sampling is no number.
    """
    starts = [_number(options, name) for name in ("start_percent", "clip_start_percent") if name in options]
    ends = [_number(options, name) for name in ("end_percent", "clip_end_percent") if name in options]
    start = sampling.percent_to_sigma(max(starts)) if starts else float("inf")
    return start, sampling.percent_to_sigma(min(ends)) if ends else 0.0


def resolved_mask(options: Mapping[str, Any], latent: Tensor) -> Tensor | None:
    """Return a condition's mask (batch, 1, height, width) at a latent's size, None where it has none.

    Raises:
        ValueError: the mask has no height or width, or nothing in it.
    """
    mask = options.get("mask")
    if not isinstance(mask, Tensor):
        return None
    if mask.dim() < 2 or not mask.numel():
        raise ValueError(f"mask: it has the shape {list(mask.shape)}, a picture's was expected")
    mask = mask.to(latent.device, torch.float32)
    mask = mask.reshape(-1, 1, *mask.shape[-2:])
    size = latent.shape[-2:]
    return mask if mask.shape[-2:] == size else functional.interpolate(mask, size=size, mode="bilinear")


def resolved_region(options: Mapping[str, Any], mask: Tensor | None, latent: Tensor) -> Region | None:
    """Return the rectangle of a condition, None where it applies everywhere.

    Raises:
        ValueError: nothing of it lies inside the latent, or its sides are no numbers.
    """
    height, width = latent.shape[-2:]
    area = options.get("area")
    if area is None:
        return (
            _bounds(mask).clipped_to(height, width) if mask is not None and options.get("set_area_to_bounds") else None
        )
    if area[0] == "percentage":
        if len(area) != 5:
            raise ValueError("area: the conditioning is for a part of a video, and the latent is no video's")
        if not all(map(math.isfinite, area[1:])):
            raise ValueError(f"area: {list(area[1:])} are no shares of a picture")
        tall, wide, top, left = area[1:]
        area = max(1, round(tall * height)), max(1, round(wide * width)), round(top * height), round(left * width)
    region = Region(*area).clipped_to(height, width)
    if min(region.height, region.width) < 1 or min(region.top, region.left) < 0:
        raise ValueError(
            f"area: a rectangle of {area[1]}x{area[0]} cells at ({area[3]}, {area[2]}) lies outside of a latent "
            f"of {width}x{height}"
        )
    return region


def _number(options: Mapping[str, Any], name: str, default: float = 0.0) -> float:
    number = float(options.get(name, default))
    if not math.isfinite(number):
        raise ValueError(f"{name}: {number} is no finite number")
    return number


def _bounds(mask: Tensor) -> Region:
    rows, columns = (mask != 0).any(dim=0)[0].nonzero(as_tuple=True)
    if not len(rows):
        return Region(SMALLEST_BOUNDS, SMALLEST_BOUNDS, 0, 0)
    top, left, bottom, right = int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())
    return Region(max(SMALLEST_BOUNDS, bottom - top + 1), max(SMALLEST_BOUNDS, right - left + 1), top, left)


def weight_of(options: Mapping[str, Any], mask: Tensor | None, region: Region | None, latent: Tensor) -> float | Tensor:
    """Return a condition's share where it overlaps others, see `Condition.weight`.

    Raises:
        ValueError: a strength is no number.
    """
    strength = _number(options, "strength", 1.0)
    if mask is not None:
        return (mask if region is None else region.of(mask)) * _number(options, "mask_strength", 1.0) * strength
    if region is None:
        return strength
    height, width = latent.shape[-2:]
    device = latent.device
    down = _feathered(region.height, region.top > 0, region.top + region.height < height, device)
    across = _feathered(region.width, region.left > 0, region.left + region.width < width, device)
    return (down[:, None] * across * strength)[None, None]


def _feathered(length: int, at_start: bool, at_end: bool, device: torch.device) -> Tensor:
    weights = torch.ones(length, device=device)
    reach = min(FEATHER, length // 4)
    ramp = torch.arange(1, reach + 1, device=device) / max(reach, 1)
    if at_start:
        weights[:reach] *= ramp
    if at_end:
        weights[length - reach :] *= ramp.flip(0)
    return weights
