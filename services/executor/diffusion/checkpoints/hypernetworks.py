"""Reading hypernetworks as AUTOMATIC1111's web UI writes them.

A file is a dictionary: under each width of tokens the weights of two networks, for keys and for values, and under names
how they are built. A network's weights are named by their places in a row of layers, activations and dropouts
(`linear.3.weight`); files of the first version have `linear1` and `linear2`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import filled
from services.executor.diffusion.checkpoints.weights_file import load_weights_file
from services.executor.diffusion.models.hypernetwork import (
    ACTIVATIONS,
    Hypernetwork,
    HypernetworkLayer,
    HypernetworkPair,
    LayerSpec,
)

_PLACE = re.compile(r"linear\.?(\d+)\.(weight|bias)$")


def load_hypernetwork(path: Path) -> Hypernetwork:
    """The networks in a file.

    Raises:
        CheckpointError: the file is damaged, or holds none.
    """
    content = load_weights_file(path, "a hypernetwork")
    with told_of(path.name):
        return hypernetwork(content)


def hypernetwork(content: Any) -> Hypernetwork:
    """The networks that a file's content describes.

    Raises:
        CheckpointError: there are none, or not all of one.
    """
    named = content if isinstance(content, Mapping) else {}
    pairs = {width: value for width, value in named.items() if isinstance(width, int)}
    if not pairs:
        found = ", ".join(sorted(map(str, named))[:8]) or "nothing"
        raise CheckpointError(f"this is no hypernetwork: it holds {found}, and nothing for a width of tokens")
    activation = str(named.get("activation_func") or "linear")
    if activation not in ACTIVATIONS:
        raise CheckpointError(
            f"unknown activation {activation!r} of a hypernetwork; known are {', '.join(ACTIVATIONS)}"
        )
    after_last = activation if named.get("activate_output") else "linear"
    return Hypernetwork({width: _pair(width, value, activation, after_last) for width, value in pairs.items()})


def _pair(width: int, value: Any, activation: str, after_last: str) -> HypernetworkPair:
    if not isinstance(value, list | tuple) or len(value) < 2:
        raise CheckpointError(f"the hypernetwork has no pair of networks for tokens of width {width}")
    return HypernetworkPair(*(_network(width, weights, activation, after_last) for weights in value[:2]))


def _network(width: int, weights: Mapping[str, Tensor], activation: str, after_last: str) -> nn.Sequential:
    specs: list[LayerSpec] = []
    named: dict[str, Tensor] = {}
    for norms, linear in _layers(weights):
        specs.append(LayerSpec(linear["weight"].shape[1], linear["weight"].shape[0], activation, bool(norms)))
        for part, own in (("linear", linear), ("norm", norms)):
            named |= {f"{len(specs) - 1}.{part}.{kind}": tensor for kind, tensor in own.items()}
    widths = [width, *(spec.width_out for spec in specs)]
    if not specs or [spec.width_in for spec in specs] != widths[:-1] or widths[-1] != width:
        layers = ", ".join(f"{spec.width_in} to {spec.width_out}" for spec in specs) or "none"
        raise CheckpointError(f"the hypernetwork for tokens of width {width} has layers that do not fit: {layers}")
    last = specs.pop()
    specs.append(LayerSpec(last.width_in, last.width_out, after_last, last.normalised))
    with torch.device("meta"):
        network = nn.Sequential(*(HypernetworkLayer(spec) for spec in specs))
    return filled(network, named, f"{width}.")


def _layers(weights: Mapping[str, Tensor]) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """The weights of each linear layer, with those of the normalisation after it before them."""
    places: dict[int, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        if match := _PLACE.match(name):
            places.setdefault(int(match[1]), {})[match[2]] = tensor
    rows = [places[place] for place in sorted(places)]
    for number, row in enumerate(rows):
        if _is_linear(row):
            following = rows[number + 1] if number + 1 < len(rows) else {}
            yield {} if _is_linear(following) else following, row


def _is_linear(row: Mapping[str, Tensor]) -> bool:
    weight = row.get("weight")
    return weight is not None and weight.dim() == 2
