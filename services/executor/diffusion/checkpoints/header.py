"""The header of a safetensors file on disk, checked before anything of the file is mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.safetensors_header import LENGTH_BYTES, HeaderError, header_length, parse_header


@dataclass(frozen=True)
class Header:
    """The shapes of all tensors in a file, and its free-form metadata."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """The header of the file at `path`.

    Raises:
        CheckpointError: the file is missing, pickled, truncated or no safetensors file.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            content = file.read(header_length(file.read(LENGTH_BYTES), size))
        header = parse_header(content, size)
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    except HeaderError as error:
        raise CheckpointError(f"{path.name} {error}") from error
    return Header({name: entry.shape for name, entry in header.tensors.items()}, header.metadata)
