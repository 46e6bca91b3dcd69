"""`comfy.lora`: what LoRA files call the weights of models, and the changes that they hold."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion.adapters.read import adapters
from services.executor.patching.adapter_names import text_names, unet_names

logger = logging.getLogger(__name__)

_WEIGHT = ".weight"


def model_lora_keys_unet(model: Any, key_map: dict[str, str] | None = None) -> dict[str, str]:
    """The keys of a diffusion model's weights by what files call them, added to those that are given."""
    return _added(key_map, unet_names(model))


def model_lora_keys_clip(model: Any, key_map: dict[str, str] | None = None) -> dict[str, str]:
    """The keys of a text encoder's weights by what files call them, added to those that are given."""
    return _added(key_map, text_names(model))


def load_lora(lora: Mapping[str, Tensor], to_load: Mapping[str, str], log_missing: bool = True) -> dict[str, Any]:
    """The changes in a file as patches for `add_patches`, by the keys of weights; warns of what matches none."""
    names = {name: key.removesuffix(_WEIGHT) for name, key in to_load.items()}
    changes = list(adapters(lora, names))
    missing = lora.keys() - {key for change in changes for key in change.keys}
    if log_missing and missing:
        logger.warning("%d of %d keys of a LoRA match no weight, such as %s", len(missing), len(lora), min(missing))
    return {f"{change.layer}.{change.parameter}": change.value for change in changes}


def _added(key_map: dict[str, str] | None, names: Mapping[str, str]) -> dict[str, str]:
    found = {} if key_map is None else key_map
    found.update({name: layer + _WEIGHT for name, layer in names.items()})
    return found
