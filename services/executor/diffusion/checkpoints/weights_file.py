"""Reading small files of weights, whose names and shapes nobody knows beforehand."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.checkpoints.configuration import read_configuration
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.header import read_header

#: What torch raises over bytes that are no pickle, or the wrong one.
_DAMAGE = (AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)

#: Extensions of files that hold weights and nothing that could run.
SAFETENSORS = frozenset({".safetensors", ".sft"})


def load_weights_file(path: Path, kind: str) -> Any:
    """What is in a file, on the CPU; other formats than safetensors are read without running their code.

    Raises:
        CheckpointError: the file is damaged; the message says what `kind` of file ("a LoRA") it was taken for.
    """
    try:
        if path.suffix.lower() in SAFETENSORS:
            read_header(path)  # which says more clearly what else it may be
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (*_DAMAGE, SafetensorError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path.name} is not {kind}: {error}") from error


def named_weights(path: Path, kind: str) -> dict[str, Tensor]:
    """The tensors in a file by name; some files have them below a `state_dict`.

    Raises:
        CheckpointError: the file is damaged; none in it is no error here.
    """
    content = load_weights_file(path, kind)
    content = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    if not isinstance(content, Mapping):
        return {}
    return {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}


def configuration_of(path: Path) -> dict[str, Any]:
    """What a file says about itself, see `configuration.py`; nothing where its format has no room for that.

    Raises:
        CheckpointError: the file is damaged.
    """
    return read_configuration(read_header(path).metadata) if path.suffix.lower() in SAFETENSORS else {}
