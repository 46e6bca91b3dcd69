"""Reading, writing and renaming weights for `comfy.utils`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from services.safetensors_header import EXTENSIONS as SAFETENSORS

StateDict = dict[str, Any]


def load_torch_file(ckpt: Any, safe_load: bool = True, device: Any = None, return_metadata: bool = False) -> Any:
    """The weights in a file; other formats than safetensors are read without running what is in them.

    Returns:
        the state dict, or (state dict, metadata or None).

    Raises:
        pickle.UnpicklingError: the file holds more than weights.
    """
    path = str(ckpt)
    target = torch.device("cpu") if device is None else torch.device(device)
    metadata = None
    if Path(path).suffix.lower() in SAFETENSORS:
        with safetensors.safe_open(path, framework="pt", device=str(target)) as file:
            weights: Any = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a mapping
            metadata = file.metadata() if return_metadata else None
    else:
        weights = torch.load(path, map_location=target, weights_only=True)
        if isinstance(weights, Mapping) and "state_dict" in weights:
            weights = weights["state_dict"]
    return (weights, metadata) if return_metadata else weights


def save_torch_file(sd: Mapping[str, Tensor], ckpt: Any, metadata: Mapping[str, Any] | None = None) -> None:
    """Write weights as safetensors; what is no text among the metadata is written as JSON."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    tensors = {key: value.contiguous() for key, value in sd.items()}
    safetensors.torch.save_file(tensors, str(ckpt), metadata=texts or None)


def safetensors_header(safetensors_path: Any, max_size: int = 100 << 20) -> bytes | None:
    """The JSON at the beginning of a safetensors file, None when it is longer than `max_size` bytes."""
    with open(safetensors_path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return None if length > max_size else file.read(length)


def calculate_parameters(sd: Mapping[str, Tensor], prefix: str = "") -> int:
    """How many numbers there are under a prefix."""
    return sum(value.nelement() for key, value in sd.items() if key.startswith(prefix))


def weight_dtype(sd: Mapping[str, Tensor], prefix: str = "") -> torch.dtype | None:
    """The dtype that most numbers under a prefix have, None when there are none."""
    counts: dict[torch.dtype, int] = {}
    for key, value in sd.items():
        if key.startswith(prefix):
            counts[value.dtype] = counts.get(value.dtype, 0) + value.numel()
    return max(counts, key=lambda dtype: counts[dtype], default=None)


def state_dict_key_replace(state_dict: StateDict, keys_to_replace: Mapping[str, str]) -> StateDict:
    """Rename keys, in place."""
    for old, new in keys_to_replace.items():
        if old in state_dict:
            state_dict[new] = state_dict.pop(old)
    return state_dict


def state_dict_prefix_replace(
    state_dict: StateDict, replace_prefix: Mapping[str, str], filter_keys: bool = False
) -> StateDict:
    """Rename prefixes, in place, or taking the renamed ones out into a dict of their own."""
    result: StateDict = {} if filter_keys else state_dict
    for old, new in replace_prefix.items():
        for key in [key for key in state_dict if key.startswith(old)]:
            result[new + key[len(old) :]] = state_dict.pop(key)
    return result


def convert_sd_to(state_dict: StateDict, dtype: torch.dtype) -> StateDict:
    """Change the dtype of all, in place."""
    for key in list(state_dict):
        state_dict[key] = state_dict[key].to(dtype)
    return state_dict


def get_attr(obj: Any, attr: str) -> Any:
    """The member at a dotted path."""
    for name in attr.split("."):
        obj = getattr(obj, name)
    return obj


def set_attr(obj: Any, attr: str, value: Any) -> Any:
    """Replace the member at a dotted path; returns the old one."""
    owner, _, name = attr.rpartition(".")
    holder = get_attr(obj, owner) if owner else obj
    old = getattr(holder, name)
    setattr(holder, name, value)
    return old


def set_attr_param(obj: Any, attr: str, value: Tensor) -> Any:
    """Replace the member at a dotted path by a parameter that is not trained."""
    return set_attr(obj, attr, torch.nn.Parameter(value, requires_grad=False))


def copy_to_param(obj: Any, attr: str, value: Tensor) -> None:
    """Copy into the parameter at a dotted path."""
    get_attr(obj, attr).data.copy_(value)
