"""What networks compute in."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.models.precision import computing_dtype


@pytest.mark.parametrize(
    ("stored", "elsewhere"),
    [
        (torch.float32, torch.float16),
        (torch.float16, torch.float16),
        (torch.bfloat16, torch.bfloat16),
        (torch.float8_e4m3fn, torch.float16),
        (torch.float8_e5m2, torch.float16),
    ],
)
def test_accelerators_compute_in_half_precision_and_processors_in_full(
    stored: torch.dtype, elsewhere: torch.dtype
) -> None:
    assert computing_dtype(stored, torch.device("cuda")) == elsewhere
    assert computing_dtype(stored, torch.device("mps")) == elsewhere
    assert computing_dtype(stored, torch.device("cpu")) == torch.float32
