"""Two pictures with transparency laid over each other: the modes of Android's PorterDuff.Mode.

The names are theirs, as are the formulas (developer.android.com/reference/android/graphics/PorterDuff.Mode), after
Porter and Duff, "Compositing Digital Images" (1984), with blend modes added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from services.executor.nodes.declarations import chosen

#: Below this a result counts as wholly transparent, which has no colour.
LEAST_ALPHA = 1e-5


class Layer(NamedTuple):
    """A picture with its colours multiplied by its alpha; colours (..., 3), alpha (..., 1)."""

    colour: Tensor
    alpha: Tensor


Mode = Callable[[Layer, Layer], Layer]


def compose(source: Layer, destination: Layer, mode: str) -> Layer:
    """Lay pictures over each other whose colours are not multiplied by their alpha; so are the result's."""
    colour, alpha = chosen(MODES, mode, "mode")(
        Layer(source.colour * source.alpha, source.alpha),
        Layer(destination.colour * destination.alpha, destination.alpha),
    )
    opaque_enough = alpha > LEAST_ALPHA
    colour = torch.where(opaque_enough, colour / torch.where(opaque_enough, alpha, 1.0), 0.0)
    return Layer(colour.clamp_(0, 1), alpha)


def _weighted(
    of_source: Callable[[Layer, Layer], float | Tensor], of_destination: Callable[..., float | Tensor]
) -> Mode:
    """One of Porter and Duff's own: how much of each is seen, the same for colour and alpha."""

    def mode(source: Layer, destination: Layer) -> Layer:
        seen, behind = of_source(source, destination), of_destination(source, destination)
        return Layer(
            source.colour * seen + destination.colour * behind, source.alpha * seen + destination.alpha * behind
        )

    return mode


def _nothing(source: Layer, destination: Layer) -> float:
    return 0.0


def _everything(source: Layer, destination: Layer) -> float:
    return 1.0


def _in_source(source: Layer, destination: Layer) -> Tensor:
    return source.alpha


def _in_destination(source: Layer, destination: Layer) -> Tensor:
    return destination.alpha


def _out_of_source(source: Layer, destination: Layer) -> Tensor:
    return 1 - source.alpha


def _out_of_destination(source: Layer, destination: Layer) -> Tensor:
    return 1 - destination.alpha


def _union(source: Layer, destination: Layer) -> Tensor:
    return source.alpha + destination.alpha - source.alpha * destination.alpha


def _add(source: Layer, destination: Layer) -> Layer:
    return Layer((source.colour + destination.colour).clamp_(0, 1), (source.alpha + destination.alpha).clamp_(0, 1))


def _choosing(choose: Callable[[Tensor, Tensor], Tensor]) -> Mode:
    def mode(source: Layer, destination: Layer) -> Layer:
        alone = (1 - destination.alpha) * source.colour + (1 - source.alpha) * destination.colour
        return Layer(alone + choose(source.colour, destination.colour), _union(source, destination))

    return mode


def _multiply(source: Layer, destination: Layer) -> Layer:
    return Layer(source.colour * destination.colour, source.alpha * destination.alpha)


def _screen(source: Layer, destination: Layer) -> Layer:
    return Layer(source.colour + destination.colour - source.colour * destination.colour, _union(source, destination))


def _overlay(source: Layer, destination: Layer) -> Layer:
    dark = 2 * source.colour * destination.colour
    light = source.alpha * destination.alpha - 2 * (destination.alpha - destination.colour) * (
        source.alpha - source.colour
    )
    return Layer(torch.where(2 * destination.colour < destination.alpha, dark, light), _union(source, destination))


MODES: Mapping[str, Mode] = {
    "ADD": _add,
    "CLEAR": _weighted(_nothing, _nothing),
    "DARKEN": _choosing(torch.minimum),
    "DST": _weighted(_nothing, _everything),
    "DST_ATOP": _weighted(_out_of_destination, _in_source),
    "DST_IN": _weighted(_nothing, _in_source),
    "DST_OUT": _weighted(_nothing, _out_of_source),
    "DST_OVER": _weighted(_out_of_destination, _everything),
    "LIGHTEN": _choosing(torch.maximum),
    "MULTIPLY": _multiply,
    "OVERLAY": _overlay,
    "SCREEN": _screen,
    "SRC": _weighted(_everything, _nothing),
    "SRC_ATOP": _weighted(_in_destination, _out_of_source),
    "SRC_IN": _weighted(_in_destination, _nothing),
    "SRC_OUT": _weighted(_out_of_destination, _nothing),
    "SRC_OVER": _weighted(_everything, _out_of_source),
    "XOR": _weighted(_out_of_destination, _out_of_source),
}
