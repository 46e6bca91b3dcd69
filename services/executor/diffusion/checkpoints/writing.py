"""Writing safetensors files one weight after the other, so that no two of them have to be in memory at once.

The format: https://huggingface.co/docs/safetensors, 8 bytes for the length of a JSON header, the header, the tensors.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

ALIGNMENT = 8  # bytes

DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class StoredWeight(NamedTuple):
    """A weight as it will be in a file.

    Attributes:
        make: gives the tensor, of that dtype and shape, on any device; called when it is written.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    make: Callable[[], Tensor]

    @classmethod
    def of(cls, tensor: Tensor) -> StoredWeight:
        """One that is there already."""
        return cls(tensor.dtype, tuple(tensor.shape), lambda: tensor)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_weights(
    path: Path,
    weights: Mapping[str, StoredWeight],
    metadata: Mapping[str, str],
    before_each: Callable[[], None] = lambda: None,
) -> None:
    """Write weights by name.

    Args:
        before_each: called before each of them is made; what it raises ends the writing.

    Raises:
        ValueError: there are none, or one is of a dtype that the format does not have.
        OSError: the file cannot be written.
    """
    if not weights:
        raise ValueError("there are no weights to save")
    # The widest first, so that each begins at a multiple of its width.
    ordered = sorted(weights.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header = _header(ordered, metadata)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)))
        file.write(header)
        for _, weight in ordered:
            before_each()
            file.write(_content(weight))


def _content(weight: StoredWeight) -> memoryview:
    tensor = weight.make().to("cpu", weight.dtype).contiguous()
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _header(ordered: list[tuple[str, StoredWeight]], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    start = 0
    for name, weight in ordered:
        if weight.dtype not in DTYPE_NAMES:
            raise ValueError(f"{name}: safetensors files hold no {weight.dtype}")
        end = start + weight.size
        entries[name] = {"dtype": DTYPE_NAMES[weight.dtype], "shape": weight.shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text.ljust(-(-len(text) // ALIGNMENT) * ALIGNMENT)
