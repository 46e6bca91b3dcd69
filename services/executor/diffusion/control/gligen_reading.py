"""GLIGEN made of the weights in a file, which stay in their dtype."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.structure import Shapes, even_share, shape_of
from services.executor.diffusion.control.gligen import HEADS, SIDES, Gligen, GligenSpec
from services.executor.diffusion.patches import BlockPlace, Stage, TransformerPlace

MARK = "position_net.null_positive_feature"

_FUSER = re.compile(r"(input_blocks\.(\d+)|middle_block|output_blocks\.(\d+))\.\d+\.transformer_blocks\.(\d+)\.fuser\.")


def gligen(weights: Mapping[str, Tensor]) -> Gligen:
    """The network with these weights; those of a UNet beside them are left out.

    Raises:
        CheckpointError: it is none, or not all of it.
    """
    shapes = shapes_of(weights)
    if MARK not in shapes:
        raise CheckpointError(f"this is no GLIGEN; {looks_like(shapes)}")
    places = dict(_places(shapes))
    named = {_renamed(name): weight for name, weight in weights.items()}
    with torch.device("meta"):
        network = Gligen(_spec(shapes, {_key(prefix): place for prefix, place in places.items()}))
    return filled(network, named)


def _spec(shapes: Shapes, places: Mapping[str, TransformerPlace]) -> GligenSpec:
    if not places:
        raise CheckpointError("it has no layers for a UNet (….fuser.…)")
    (position_width,) = shape_of(shapes, "position_net.null_position_feature", 1)
    return GligenSpec(
        text_width=shape_of(shapes, MARK, 1)[0],
        frequencies=even_share(position_width, 2 * SIDES, "waves of the sides of a box"),
        inner_width=shape_of(shapes, "position_net.linears.0.weight", 2)[0],
        ground_width=shape_of(shapes, "position_net.linears.4.weight", 2)[0],
        places=places,
    )


def _places(shapes: Shapes) -> Iterator[tuple[str, TransformerPlace]]:
    for name in shapes:
        match = _FUSER.match(name)
        if match is None or not name.endswith(".fuser.linear.weight"):
            continue
        channels = shape_of(shapes, name, 2)[0]
        stage: Stage = "input" if match[2] else "output" if match[3] else "middle"
        block = BlockPlace(stage, int(match[2] or match[3] or 0))
        head_dim = even_share(channels, HEADS, "heads")
        yield match[0], TransformerPlace(block, 0, int(match[4]), HEADS, head_dim)


def _renamed(name: str) -> str:
    match = _FUSER.match(name)
    return name if match is None else f"fusers.{_key(match[0])}.{name[match.end() :]}"


def _key(prefix: str) -> str:
    # Dots would make modules in modules of it.
    return prefix.strip(".").replace(".", "-")
