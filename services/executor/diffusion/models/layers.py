"""Layers that keep their weights as the file stores them and cast them where they are used."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

MAX_GROUPS = 32


class LayerStream(Protocol):
    """Where layers get their weights from when these do not stay on the device."""

    def weights(self, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """The weight and the bias of a layer, on the device, until the next layer asks for its own."""


class CastsAtUse(nn.Module):
    """A layer that computes in the dtype and on the device of its input, whatever its weights are in and on.

    Attributes:
        comfy_cast_weights: says so to packs and to `services.executor.memory`.
        stream: brings its weights to the device when they do not stay there.
    """

    comfy_cast_weights = True
    stream: LayerStream | None = None


class Linear(CastsAtUse, nn.Linear):
    """A linear layer computing in its input's dtype, whatever dtype its weights have."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _cast(self, input)
        return functional.linear(input, weight, bias)


class Conv2d(CastsAtUse, nn.Conv2d):
    """A convolution computing in its input's dtype, whatever dtype its weights have; any padding mode works."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _cast(self, input)
        out: Tensor = self._conv_forward(input, weight, bias)
        return out


class GroupNorm(CastsAtUse, nn.GroupNorm):
    """Group normalisation computing in its input's dtype, over 32 groups or fewer.

    `group_width` is the least number of channels in a group. With 1 or 2 channels in a group, group normalisation is
    instance normalisation and wipes out flat colours, which matters below 128 channels.
    """

    def __init__(self, channels: int, eps: float, group_width: int = 1) -> None:
        super().__init__(min(MAX_GROUPS, channels // group_width), channels, eps=eps)

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _cast(self, input)
        # That of `functional` refuses groups of a single value, as small networks have them for small pictures.
        return torch.group_norm(input, self.num_groups, weight, bias, self.eps)


class LayerNorm(CastsAtUse, nn.LayerNorm):
    """Layer normalisation computing in its input's dtype."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _cast(self, input)
        return functional.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Multi-head attention over (batch, tokens, channels), channels being split evenly over `heads`."""
    batch, tokens, channels = query.shape
    head_dim = channels // heads
    query, key, value = (part.view(batch, -1, heads, head_dim).transpose(1, 2) for part in (query, key, value))
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return mixed.transpose(1, 2).reshape(batch, tokens, channels)


def _cast(layer: CastsAtUse, input: Tensor) -> tuple[Tensor, Tensor | None]:
    if layer.stream is not None:
        weight, bias = layer.stream.weights(layer)
    else:
        weight, bias = layer.weight, layer.bias  # type: ignore[assignment]
    weight = weight.to(input.device, input.dtype)
    return weight, None if bias is None else bias.to(input.device, input.dtype)
