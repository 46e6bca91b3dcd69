"""Reading files of weights, whose names and shapes nobody knows beforehand."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.checkpoints.configuration import read_configuration
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.header import read_header
from services.executor.diffusion.checkpoints.scaled_weights import unscaled
from services.safetensors_header import EXTENSIONS as SAFETENSORS
from services.safetensors_header import LENGTH_BYTES

#: What torch raises over bytes that are no pickle, or the wrong one.
_DAMAGE = (AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)

_REFUSED = re.compile(r"Unsupported global: GLOBAL ([\w.]+)")
_HEADER_START = b"{"  # after the header's length


class _Passed:
    """Stands for what trainers of old left beside the weights: nothing of it is made, and nobody asks for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


_LEFT_BY_TRAINERS = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "_codecs.encode",
)


@dataclass(frozen=True)
class ModelFile:
    """What a file with a model in it holds.

    Attributes:
        weights: all tensors by name.
        metadata: free-form texts; pickled files have none.
    """

    weights: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, weights: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> ModelFile:
        """What was read; weights that are stored with scales are multiplied by them."""
        return cls(unscaled(weights), metadata or {})

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """What the file says about itself, see `configuration.py`.

        Raises:
            CheckpointError: it is no JSON object.
        """
        return read_configuration(self.metadata)


def read_model_file(path: Path, kind: str) -> ModelFile:
    """All weights in a file, memory-mapped; those that are stored with scales are multiplied by them.

    Raises:
        CheckpointError: the file is damaged, or pickled with more in it than weights.
    """
    if not is_safetensors(path):
        return ModelFile.of(named_weights(path, kind))
    header = read_header(path)
    try:
        return ModelFile.of(load_file(path), header.metadata)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is not a safetensors file: {error}") from error


def load_weights_file(path: Path, kind: str) -> Any:
    """What is in a file, on the CPU; other formats than safetensors are read without running their code.

    Raises:
        CheckpointError: the file is damaged; the message says what `kind` of file ("a LoRA") it was taken for.
    """
    try:
        if is_safetensors(path):
            read_header(path)  # which says more clearly what else it may be
            return load_file(path)
        with torch.serialization.safe_globals([(_Passed, name) for name in _LEFT_BY_TRAINERS]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path.name} is not {kind}: {_reason(error)}") from error
    except (*_DAMAGE, SafetensorError) as error:
        raise CheckpointError(f"{path.name} is not {kind}: {str(error) or 'it ends too early'}") from error


def is_safetensors(path: Path) -> bool:
    """Whether a file is to be read as safetensors: its name says so, or, under another name, its first bytes do."""
    if path.suffix.lower() in SAFETENSORS:
        return True
    try:
        with path.open("rb") as file:
            return file.read(LENGTH_BYTES + 1)[LENGTH_BYTES:] == _HEADER_START
    except OSError:
        return False  # which whoever reads the file says more about


def _reason(error: pickle.UnpicklingError) -> str:
    """Why unpickling was refused; torch's own words are about how to run the code all the same."""
    refused = _REFUSED.search(str(error))
    if refused is None:
        return "it is no file that torch wrote, or damaged"
    return f"it holds more than weights ({refused[1]}), which could run code; only files of weights are loaded"


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
