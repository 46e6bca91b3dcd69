"""Control networks made of the weights in a file, which stay in their dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.structure import under
from services.executor.diffusion.control import diffusers_layout
from services.executor.diffusion.control.control_net import ControlNet
from services.executor.diffusion.control.structure import control_net_spec, union_spec
from services.executor.diffusion.control.union import UnionControlNet

PREFIX = "control_model."
MARK = "input_hint_block.0.weight"
DIFFERENCE = "difference"
"""Stands in files whose weights are to be added to those of a model's network."""


def in_one_layout(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a control network by the names that `ControlNet` has for them; others come out as they are."""
    named = dict(weights)
    if any(name.startswith(PREFIX) for name in weights):
        named = under(weights, PREFIX)
    return diffusers_layout.in_ldm_layout(named) if diffusers_layout.MARK in named else named


def control_net(weights: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> ControlNet:
    """The network with these weights, see `in_one_layout`; `configuration` is as for `unet_spec`.

    Raises:
        CheckpointError: it is none, or not all of it.
    """
    shapes = shapes_of(weights)
    spec, union = control_net_spec(shapes, configuration), union_spec(shapes)
    with torch.device("meta"):
        network = ControlNet(spec) if union is None else UnionControlNet(spec, union)
    return filled(network, weights)


def added_to(model: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights that are differences to those of a UNet, where it has them, with these added."""
    return {name: weight + model[name].to(weight) if name in model else weight for name, weight in weights.items()}
