from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.patching import latent_formats
from services.executor.patching.base_model import BaseModel
from services.executor.patching.model_families import SDXL
from tests.executor.diffusion.golden import GOLDEN, tensors
from tests.executor.patching.conftest import CHECKPOINTS

TOLERANCE = 2e-5  # of the largest value


def _base_model(name: str) -> BaseModel:
    model = CHECKPOINTS.get(GOLDEN / "models" / "checkpoints" / f"{name}_small.safetensors").model
    assert model is not None
    assert isinstance(model.model, BaseModel)
    return model.model


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_model_denoises_as_recorded(name: str) -> None:
    recorded = {part: tensors("modules").get(f"apply/{name}/{part}") for part in ("x", "sigma", "context", "y", "out")}
    x, sigma, expected = recorded["x"], recorded["sigma"], recorded["out"]
    assert x is not None
    assert sigma is not None
    assert expected is not None
    vector: dict[str, Any] = {} if recorded["y"] is None else {"y": recorded["y"]}
    with torch.inference_mode():
        denoised = _base_model(name).apply_model(x, sigma, c_crossattn=recorded["context"], **vector)
    torch.testing.assert_close(denoised, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


def test_a_model_is_of_the_class_and_has_the_latents_of_its_family() -> None:
    assert type(_base_model("sd15")) is BaseModel
    assert type(_base_model("sdxl")) is SDXL
    assert isinstance(_base_model("sd15").latent_format, latent_formats.SD15)
    assert isinstance(_base_model("sdxl").latent_format, latent_formats.SDXL)
