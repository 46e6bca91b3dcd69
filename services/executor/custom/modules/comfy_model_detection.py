"""`comfy.model_detection`: what the names and shapes of weights say about a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import shapes_of
from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from services.executor.diffusion.checkpoints.structure import count, under
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.families import family_of
from services.executor.diffusion.models.unet_spec import UNetSpec
from services.executor.patching.model_config import BASE
from services.executor.patching.model_families import config_class
from services.executor.patching.unet_config import unet_config

_PREFIXES = (UNET_PREFIX, "model.model.", "net.")


def count_blocks(state_dict_keys: Any, prefix_string: str) -> int:
    """How many numbered parts there are; `{}` stands for the number, at the end of `prefix_string` or before a dot."""
    prefix = prefix_string.split("{}")[0]
    return count(dict.fromkeys(state_dict_keys, ()), prefix)


def unet_prefix_from_state_dict(state_dict: Mapping[str, Tensor]) -> str:
    """What stands before the names of the network's weights: the known prefix that most names have."""
    most = max(_PREFIXES, key=lambda prefix: sum(name.startswith(prefix) for name in state_dict))
    return most if any(name.startswith(most) for name in state_dict) else "model."


def detect_unet_config(
    state_dict: Mapping[str, Tensor], key_prefix: str, metadata: Any = None
) -> dict[str, Any] | None:
    """The structure of the network below a prefix, None where it is none of LDM's layout."""
    spec = _spec(state_dict, key_prefix)
    return None if spec is None else unet_config(spec)


def model_config_from_unet(
    state_dict: Mapping[str, Tensor],
    unet_key_prefix: str,
    use_base_if_no_match: bool = False,
    metadata: Any = None,
) -> BASE | None:
    """What is known of the network below a prefix, None where it is of no family that can be loaded."""
    spec = _spec(state_dict, unet_key_prefix)
    if spec is None:
        return None
    family = family_of(spec)
    if family is None:
        return BASE(unet_config(spec)) if use_base_if_no_match else None
    editing = spec.in_channels == 2 * spec.out_channels
    return config_class(family, spec.adm_channels, editing)(unet_config(spec))


def _spec(weights: Mapping[str, Tensor], prefix: str) -> UNetSpec | None:
    try:
        return unet_spec(shapes_of(under(weights, prefix)), {})
    except CheckpointError:
        return None
