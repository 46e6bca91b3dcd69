"""The structure of a control network, from the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes, count, even_share, shape_of
from services.executor.diffusion.checkpoints.unet_structure import encoder_spec
from services.executor.diffusion.control.control_net import HINT_STRIDES, ControlNetSpec
from services.executor.diffusion.control.union import HEADS, UnionSpec
from services.executor.diffusion.models.unet_spec import EncoderSpec

TASKS = "task_embedding"


def control_net_spec(shapes: Shapes, configuration: Mapping[str, Any]) -> ControlNetSpec:
    """The structure of the control network with these weights, in the LDM layout.

    `configuration` is as for `unet_spec`.

    Raises:
        CheckpointError: this is no control network.
    """
    return with_hint_encoder(encoder_spec(shapes, configuration), shapes)


def with_hint_encoder(encoder: EncoderSpec, shapes: Shapes) -> ControlNetSpec:
    """The structure of a network with a known encoder, whose other weights are these.

    Raises:
        CheckpointError: the convolutions that encode pictures are missing.
    """
    names = [f"input_hint_block.{number * 2}.weight" for number in range(len(HINT_STRIDES))]
    widths = tuple(shape_of(shapes, name, 4)[1] for name in names)
    return ControlNetSpec(encoder, widths)


def union_spec(shapes: Shapes) -> UnionSpec | None:
    """What the network has for several kinds of pictures, None when it is for one.

    Raises:
        CheckpointError: sizes contradict each other.
    """
    if TASKS not in shapes:
        return None
    kinds, width = shape_of(shapes, TASKS, 2)
    even_share(width, HEADS, "heads")
    features = shape_of(shapes, "control_add_embedding.linear_1.weight", 2)[1]
    layers = count(shapes, "transformer_layes.")
    if layers == 0:
        raise CheckpointError("the transformer over pictures (transformer_layes) is missing")
    return UnionSpec(kinds, width, layers, even_share(features, kinds, "kinds of control"))
