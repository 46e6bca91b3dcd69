"""`comfy.ops`: layers for models that packs bring, made without drawing weights that are loaded anyway."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn


def cast_bias_weight(s: Any, input: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
    """A layer's weight and bias in the dtype and on the device of what it is applied to."""
    bias = None if s.bias is None else s.bias.to(input.device, input.dtype)
    return s.weight.to(input.device, input.dtype), bias


class _Uninitialised:
    comfy_cast_weights = False

    def reset_parameters(self) -> None:
        """Leave the weights as they come."""


class _Cast(_Uninitialised):
    """Weights follow what the layer is applied to."""

    comfy_cast_weights = True

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        """What the layer gives, with weights in the dtype and on the device of `x`; of whole numbers they stay."""
        layer: Any = copy.copy(self)
        dtype = x.dtype if x.is_floating_point() else None
        layer._parameters = {
            name: None if value is None else value.to(device=x.device, dtype=dtype)
            for name, value in layer._parameters.items()
        }
        original: Any = super(_Cast, layer)
        return original.forward(x, *args, **kwargs)


_LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d),
    *(nn.GroupNorm, nn.LayerNorm, nn.Embedding),
)


def _family(name: str, mixin: type) -> Any:
    layers = {layer.__name__: type(layer.__name__, (mixin, layer), {}) for layer in _LAYERS}
    return type(name, (), layers)


disable_weight_init = _family("disable_weight_init", _Uninitialised)
manual_cast = _family("manual_cast", _Cast)
