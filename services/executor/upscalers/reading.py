"""Files of upscalers: what is in them, and of which kind it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.weights_file import load_weights_file
from services.executor.upscalers import compact, dat, esrgan, hat, plksr, span, swin2sr, swin_ir
from services.executor.upscalers.architecture import Architecture, Network, Weights, shapes_of
from services.executor.upscalers.upscale_model import UpscaleModel

#: In the order in which they are asked.
ARCHITECTURES: Sequence[Architecture] = (
    esrgan.ARCHITECTURE,
    hat.ARCHITECTURE,
    swin_ir.ARCHITECTURE,
    swin2sr.ARCHITECTURE,
    dat.ARCHITECTURE,
    span.ARCHITECTURE,
    plksr.ARCHITECTURE,
    compact.ARCHITECTURE,
)

#: What trainers put the weights under, the averaged ones before others.
_WRAPPERS = ("params_ema", "params-ema", "model_state_dict", "state_dict", "params", "model", "net")

#: What trainers put before every name.
_PREFIXES = ("module.", "netG.")

#: What can be computed from the sizes, and lies in some files all the same.
_COMPUTED = (
    *("relative_position_index", "relative_position_index_SA", "relative_position_index_OCA"),
    *("relative_coords_table", "rpe_biases"),
    *("attn_mask", "attn_mask_0", "attn_mask_1", "num_batches_tracked"),
)


def load_upscaler(path: Path) -> UpscaleModel:
    """The upscaler in a file, on the CPU, in float32.

    Raises:
        CheckpointError: the file is damaged, or of no kind that is known.
    """
    weights = _unwrapped(load_weights_file(path, "an upscale model"))
    shapes = shapes_of(weights)
    found = next((known for known in ARCHITECTURES if known.recognises(shapes)), None)
    if found is None:
        known = ", ".join(architecture.name for architecture in ARCHITECTURES)
        raise CheckpointError(
            f"{path.name} is not an upscale model of a known architecture ({known}): {looks_like(shapes)}"
        )
    try:
        with torch.device("meta"):
            network = found.build(weights)
        _fill(network)
    except CheckpointError as error:
        raise CheckpointError(f"{path.name} looks like {found.name}, but {error.message}") from error
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # Sizes that contradict each other surface wherever they are first used.
        raise CheckpointError(f"{path.name} looks like {found.name}, but its weights do not fit: {error}") from error
    return UpscaleModel(network, found)


def _unwrapped(content: Any) -> dict[str, Tensor]:
    """The weights in what a trainer has saved; none where there are none."""
    if not isinstance(content, Mapping):
        return {}
    inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), content)
    weights = {str(name): value for name, value in inner.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _fill(network: Network) -> None:
    """Put the weights into the network.

    Raises:
        CheckpointError: one is missing, is too much, or has another shape than the network's.
    """
    given = {name: tensor for name, tensor in network.weights.items() if not name.endswith(_COMPUTED)}
    wanted = {
        name: weight.shape for name, weight in network.module.state_dict().items() if not name.endswith(_COMPUTED)
    }
    _check(given, wanted)
    network.module.load_state_dict({name: given[name].float() for name in wanted}, assign=True)
    network.module.eval().requires_grad_(False)


def _check(given: Weights, wanted: Mapping[str, torch.Size]) -> None:
    for name, shape in wanted.items():
        if name not in given:
            raise CheckpointError(f"the weight {name} is missing")
        if given[name].shape != shape:
            raise CheckpointError(f"{name} has the shape {list(given[name].shape)}, {list(shape)} was expected")
    if beyond := sorted(given.keys() - wanted.keys()):
        raise CheckpointError(f"{len(beyond)} of its weights have no place there, {beyond[0]} the first of them")
