"""Which part of a network stays on the device when not all of it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from services.executor.memory import placement

#: Layers that are copied when they are used take turns in so many buffers.
BUFFERS = 2


@dataclass(frozen=True)
class Division:
    """A network in two parts.

    Attributes:
        staying: the layers whose weights stay on the device.
        leaving: the layers that get their weights when they are used, the smallest first.
        kept: all tensors that stay, by their identity.
        left: those that do not.
    """

    staying: list[nn.Module]
    leaving: list[nn.Module]
    kept: dict[int, Tensor]
    left: dict[int, Tensor]

    @property
    def largest(self) -> int:
        """The bytes that the largest of the layers that leave takes in a buffer."""
        return placement.layer_size(self.leaving[-1]) if self.leaving else 0


def divided(networks: Sequence[nn.Module], tensors: Mapping[int, Tensor], allowed: int) -> Division:
    """Networks of which at most `allowed` bytes are to stay, buffers included.

    What is no layer that can be copied when it is used stays whatever is allowed, and so does each network's first
    parameter: where that is, is where a network computes. Of the layers the smallest stay, which leaves the fewest to
    be copied.
    """
    layers = sorted(placement.layers_of(networks), key=placement.layer_size)
    of_layers = {id(weight) for layer in layers for weight in layer.parameters(recurse=False)}
    first = {id(next(network.parameters())) for network in networks}
    kept = {key: tensor for key, tensor in tensors.items() if key not in of_layers or key in first}
    buffers = BUFFERS * placement.layer_size(layers[-1]) if layers else 0
    left = allowed - placement.size_of(kept.values()) - buffers
    staying: list[nn.Module] = []
    for layer in layers:
        more = {id(weight): weight for weight in layer.parameters(recurse=False) if id(weight) not in kept}
        left -= placement.size_of(more.values())
        if left < 0:
            break
        staying.append(layer)
        kept |= more
    leaving = layers[len(staying) :]
    return Division(staying, leaving, kept, {key: tensor for key, tensor in tensors.items() if key not in kept})
