"""Reading style models; which one it is comes from the names of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError, told_of
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.openclip_names import transformer_weights
from services.executor.diffusion.checkpoints.structure import count, even_share, shape_of
from services.executor.diffusion.checkpoints.weights_file import named_weights
from services.executor.diffusion.models.style_adapters import ReduxEncoder, StyleAdapter, StyleAdapterSpec

StyleNetwork = StyleAdapter | ReduxEncoder

HEADS = 8
"""Of the published style adapter; no shape shows them."""
_LAYERS = "transformer_layes."  # the name of the published weights


def load_style_network(path: Path) -> StyleNetwork:
    """The network in a file, its weights in their dtype.

    Raises:
        CheckpointError: the file is damaged, or holds none that is known.
    """
    weights = named_weights(path, "a style model")
    with told_of(path.name):
        return style_network(weights)


def style_network(weights: Mapping[str, Tensor]) -> StyleNetwork:
    """The network with these weights.

    Raises:
        CheckpointError: there is none, or not all of it.
    """
    if "style_embedding" in weights:
        return _style_adapter(weights)
    if "redux_down.weight" in weights:
        return _redux(weights)
    raise CheckpointError(f"this is no style model; {looks_like(shapes_of(weights))}")


def _style_adapter(weights: Mapping[str, Tensor]) -> StyleAdapter:
    shapes = shapes_of(weights)
    _, tokens, width = shape_of(shapes, "style_embedding", 3)
    even_share(width, HEADS, "heads")
    spec = StyleAdapterSpec(
        width=width,
        inner_width=shape_of(shapes, f"{_LAYERS}0.mlp.c_fc.weight", 2)[0],
        heads=HEADS,
        layers=count(shapes, _LAYERS),
        tokens=tokens,
        context_dim=shape_of(shapes, "proj", 2)[1],
    )
    with torch.device("meta"):
        network = StyleAdapter(spec)
    layers = {f"transformer.{name}": tensor for name, tensor in transformer_weights(weights, _LAYERS)}
    return filled(network, {**weights, **layers})


def _redux(weights: Mapping[str, Tensor]) -> ReduxEncoder:
    shapes = shapes_of(weights)
    context_dim = shape_of(shapes, "redux_down.weight", 2)[0]
    inner_width, width = shape_of(shapes, "redux_up.weight", 2)
    with torch.device("meta"):
        network = ReduxEncoder(width, inner_width, context_dim)
    return filled(network, weights)
