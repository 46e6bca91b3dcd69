"""Reads a picture back: which shape, colours and place it shows, by nearest colours and best matching outline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from tools.train_tiny.drawing import PLACE_STEP, SIZE, coverage
from tools.train_tiny.scenes import SHAPES, Scene, palette

MIN_OBJECT = 150  # pixels; less than this is specks
BORDER = 4  # pixels
PLACES = torch.tensor([-1.0, 0.0, 1.0]) * PLACE_STEP + SIZE / 2


def read(picture: Tensor) -> Scene:
    """The scene a picture (3, SIZE, SIZE) in 0..1 shows; None for all but the background where there is no object."""
    nearest = _nearest(picture)
    border = torch.cat([nearest[:BORDER].flatten(), nearest[-BORDER:].flatten()])
    sides = torch.cat([nearest[:, :BORDER].flatten(), nearest[:, -BORDER:].flatten()])
    background = int(torch.cat([border, sides]).mode().values)
    back = palette()[background][:, None, None]
    differs = (picture - back).norm(dim=0)
    mask = differs > max(0.15, float(differs.max()) / 2)
    if int(mask.sum()) < MIN_OBJECT:
        return Scene(None, None, background, None, None)
    inside = picture[:, mask].median(dim=1).values
    colour = int((palette() - inside).norm(dim=1).argmin())
    shape, centre = _best_outline(mask)
    column, row = (int((PLACES - coordinate).abs().argmin()) - 1 for coordinate in centre)
    return Scene(shape, colour, background, column, row)


def agrees(wanted: Scene, seen: Scene) -> dict[str, bool]:
    """Which attributes are as wanted."""
    return {
        "shape": wanted.shape == seen.shape,
        "colour": wanted.colour == seen.colour,
        "background": wanted.background == seen.background,
        "place": (wanted.column, wanted.row) == (seen.column, seen.row),
    }


def tally(wanted: Sequence[Scene], pictures: Tensor) -> dict[str, float]:
    """Shares of pictures right in each attribute, and in all of them."""
    rows = [agrees(scene, read(picture)) for scene, picture in zip(wanted, pictures, strict=True)]
    shares = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return shares | {"all": sum(all(row.values()) for row in rows) / len(rows)}


def _nearest(picture: Tensor) -> Tensor:
    distances = torch.stack([(picture - colour[:, None, None]).square().sum(dim=0) for colour in palette()])
    return distances.argmin(dim=0)


def _best_outline(mask: Tensor) -> tuple[int, Tensor]:
    """The shape that, drawn with the mask's area and centre of mass, overlaps it most, and its centre (x, y)."""
    area, mass_centre = _moments(mask)
    unit_areas, unit_offsets = _unit_shapes()
    radii = (area / unit_areas).sqrt()
    centres = mass_centre - unit_offsets * radii[:, None]
    outlines = coverage(torch.arange(len(SHAPES)), centres, radii) > 0.5
    overlap = (outlines & mask).sum(dim=(1, 2)) / (outlines | mask).sum(dim=(1, 2))
    best = int(overlap.argmax())
    return best, centres[best]


@cache
def _unit_shapes() -> tuple[Tensor, Tensor]:
    """Areas (shapes) and centres of mass (shapes, 2) relative to their centres, at a radius of one pixel."""
    radius = SIZE / 3
    count = len(SHAPES)
    middle = torch.full((count, 2), SIZE / 2)
    drawn = coverage(torch.arange(count), middle, torch.full((count,), radius)) > 0.5
    areas, centres = zip(*(_moments(mask) for mask in drawn), strict=True)
    return torch.stack(areas) / radius**2, (torch.stack(centres) - middle) / radius


def _moments(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Area and centre of mass (x, y), in pixels."""
    rows, columns = mask.nonzero(as_tuple=True)
    centre = torch.stack([columns.float().mean(), rows.float().mean()]) + 0.5
    return mask.sum().float(), centre
