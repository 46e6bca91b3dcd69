"""Weights by name, put in place of a module's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes

Module = TypeVar("Module", bound=nn.Module)


def filled(module: Module, weights: Mapping[str, Tensor], prefix: str = "") -> Module:
    """The module (on the meta device) with the weights themselves in place of its parameters.

    Args:
        weights: by the names of the parameters; what the module does not have is left out.
        prefix: what stood before the names in the file, for messages.

    Raises:
        CheckpointError: a weight is missing, or has another shape.
    """
    wanted = {name: parameter.shape for name, parameter in module.named_parameters()}
    for name, shape in wanted.items():
        if name not in weights:
            raise CheckpointError(f"the weight {prefix}{name} is missing")
        if weights[name].shape != shape:
            found = list(weights[name].shape)
            raise CheckpointError(f"the weight {prefix}{name} has the shape {found}, {list(shape)} was expected")
    module.load_state_dict({name: weights[name] for name in wanted}, assign=True)
    return module.eval().requires_grad_(False)


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """The shapes of weights by name."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}
