"""Hypernetworks: small networks that change what attention's keys and values are made of.

The kind that was made known by NovelAI and is trained by AUTOMATIC1111's web UI: for each width of tokens two networks,
one for keys and one for values, whose results are added to what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import LayerNorm, Linear

Activation = Callable[[Tensor], Tensor]

#: By the names that files have: those of torch in small letters, and a few of their own.
ACTIVATIONS: Mapping[str, Activation] = {
    "linear": lambda hidden: hidden,
    "swish": functional.hardswish,
    "relu": functional.relu,
    "leakyrelu": functional.leaky_relu,
    "elu": functional.elu,
    "celu": functional.celu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "relu6": functional.relu6,
    "rrelu": functional.rrelu,
    "hardswish": functional.hardswish,
    "hardtanh": functional.hardtanh,
    "hardsigmoid": functional.hardsigmoid,
    "hardshrink": functional.hardshrink,
    "tanh": functional.tanh,
    "tanhshrink": functional.tanhshrink,
    "sigmoid": functional.sigmoid,
    "logsigmoid": functional.logsigmoid,
    "softplus": functional.softplus,
    "softshrink": functional.softshrink,
    "softsign": functional.softsign,
}


@dataclass(frozen=True)
class LayerSpec:
    """A linear layer, the activation after it, and whether its result is normalised."""

    width_in: int
    width_out: int
    activation: str
    normalised: bool


class HypernetworkLayer(nn.Module):
    """One layer."""

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.linear = Linear(spec.width_in, spec.width_out)
        self.activation = ACTIVATIONS[spec.activation]
        self.norm = LayerNorm(spec.width_out) if spec.normalised else None

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = self.activation(self.linear(hidden))
        return hidden if self.norm is None else self.norm(hidden)


class HypernetworkPair(NamedTuple):
    """The networks for tokens of one width, each from that width to itself."""

    keys: nn.Sequential
    values: nn.Sequential


class Hypernetwork:
    """Networks by the width of the tokens that they change."""

    def __init__(self, pairs: Mapping[int, HypernetworkPair]) -> None:
        self.pairs = dict(pairs)

    @property
    def widths(self) -> Sequence[int]:
        """Of the tokens that it changes."""
        return sorted(self.pairs)

    def changed(self, keys: Tensor, values: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """What keys and values are made of (batch, tokens, width), changed where there are networks for the width."""
        pair = self.pairs.get(keys.shape[-1])
        if pair is None:
            return keys, values
        return keys + pair.keys(keys) * strength, values + pair.values(values) * strength

    def to(self, device: object) -> Hypernetwork:
        """Bring the networks to a device; a dtype is not for them, they compute in that of the tokens."""
        for pair in self.pairs.values():
            for network in pair:
                network.to(device)  # type: ignore[call-overload]
        return self
