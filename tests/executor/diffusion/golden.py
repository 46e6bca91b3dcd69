"""The reference numbers in tests/golden."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.model_sampling import (
    FlowSampling,
    FluxSampling,
    LogarithmicSampling,
    ModelSampling,
    stable_diffusion_sampling,
)
from services.executor.diffusion.prediction import Epsilon, Preconditioned, Velocity

GOLDEN = Path(__file__).parents[2] / "golden"


@cache
def table(name: str) -> Any:
    """Return a JSON file of the folder."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


@cache
def tensors(name: str) -> dict[str, Tensor]:
    """Return a safetensors file of the folder."""
    return load_file(GOLDEN / f"{name}.safetensors")


def numbers(values: list[Any]) -> Tensor:
    """Return floats, of which infinities and NaN are recorded as strings."""
    return torch.tensor([float(value) for value in values])


MODEL_SAMPLINGS: dict[str, ModelSampling] = {
    "sd15_eps": stable_diffusion_sampling(Epsilon()),
    "sdxl_eps": stable_diffusion_sampling(Epsilon()),
    "sd21_v": stable_diffusion_sampling(Velocity()),
    "v_zsnr": stable_diffusion_sampling(Velocity(), zero_terminal_snr=True),
    "edm_continuous": LogarithmicSampling(0.002, 80.0, Preconditioned(0.5)),
    "v_continuous_edm": LogarithmicSampling(0.002, 120.0, Velocity()),
    "discrete_flow_shift3": FlowSampling(3.0),
    "flux_shift1.15": FluxSampling(1.15),
}
