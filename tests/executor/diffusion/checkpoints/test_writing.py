"""Files of weights, written one weight after the other."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.checkpoints.writing import DTYPE_NAMES, StoredWeight, write_weights


@pytest.mark.parametrize("dtype", DTYPE_NAMES, ids=DTYPE_NAMES.values())
def test_weights_of_every_dtype_are_read_again(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    tensors = {
        "odd": torch.randn(3).to(dtype),
        "alone": torch.randn(()).to(dtype),
        "none": torch.empty(0, 4, dtype=dtype),
        "transposed": torch.randn(3, 5).to(dtype).T,
        "float": torch.randn(2),
    }
    write_weights(tmp_path / "x", {name: StoredWeight.of(tensor) for name, tensor in tensors.items()}, {"a": "ü"})
    read = load_file(tmp_path / "x")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert torch.equal(read[name].float(), tensor.float())
    with safe_open(tmp_path / "x", "pt") as file:
        assert file.metadata() == {"a": "ü"}


def test_one_weight_at_a_time_is_made(tmp_path: Path) -> None:
    made: list[weakref.ref[Tensor]] = []

    def make() -> Tensor:
        assert not made or made[-1]() is None
        tensor = torch.ones(4)
        made.append(weakref.ref(tensor))
        return tensor

    write_weights(tmp_path / "x", dict.fromkeys("abc", StoredWeight(torch.float32, (4,), make)), {})
    assert len(made) == 3


@pytest.mark.parametrize(
    ("weights", "message"),
    [({}, "^there are no weights"), ({"x": StoredWeight.of(torch.zeros(1, dtype=torch.complex64))}, "^x: ")],
)
def test_what_no_file_holds_is_refused(tmp_path: Path, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_weights(tmp_path / "x", weights, {})
