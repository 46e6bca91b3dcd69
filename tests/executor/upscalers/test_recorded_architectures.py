"""Networks of every architecture against what spandrel computes with the same weights (tests/recorded/upscalers)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from services.executor.upscalers import UpscaleModel, load_upscaler
from tests.executor.upscalers.weights import picture, waves

RECORDED = Path(__file__).parents[2] / "recorded" / "upscalers"
CASES: dict[str, Any] = json.loads((RECORDED / "cases.json").read_text())
OUTPUTS = load_file(RECORDED / "outputs.safetensors")
HEIGHT, WIDTH, STRIDE = 21, 18, 3
TOLERANCE = 2e-5  # of the largest value


def loaded(name: str, folder: Path) -> UpscaleModel:
    case = CASES[name]
    computed = {key: torch.zeros(shape) for key, shape in case["buffers"].items()}
    given = {key.removeprefix(f"{name}/"): tensor for key, tensor in OUTPUTS.items() if key.startswith(f"{name}/")}
    save_file(waves(case["shapes"]) | computed | given, folder / "model.safetensors")
    return load_upscaler(folder / "model.safetensors")


@pytest.mark.parametrize("name", CASES)
def test_a_network_computes_as_recorded(name: str, tmp_path: Path) -> None:
    model = loaded(name, tmp_path)
    given = picture(model.input_channels, HEIGHT, WIDTH)
    with torch.inference_mode():
        found = model.model(model.size_requirements.padded(given))
    found = found[..., : HEIGHT * model.scale : STRIDE, : WIDTH * model.scale : STRIDE]
    expected = OUTPUTS[name]
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_a_model_says_of_itself_what_packs_ask(name: str, tmp_path: Path) -> None:
    case, model = CASES[name], loaded(name, tmp_path)
    assert model.architecture.id == case["architecture"]
    assert model.purpose == case["purpose"]
    sizes = model.scale, model.input_channels, model.output_channels
    assert sizes == (case["scale"], case["input_channels"], case["output_channels"])


def test_calling_a_model_pads_cuts_and_stays_within_the_colours(tmp_path: Path) -> None:
    model = loaded("swinir_lightweight_x2", tmp_path)
    enlarged = model(picture(3, 5, 7) * 3 - 1)
    assert enlarged.shape == (1, 3, 10, 14)
    assert (float(enlarged.min()), float(enlarged.max())) == (0.0, 1.0)
