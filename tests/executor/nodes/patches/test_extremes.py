"""Nodes that change a model, at the ends of what their inputs allow and on latents of the least sizes.

What comes out is numbers, whatever they show.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.nodes import NODE_CLASSES
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

DOWNSCALED = {"start_percent": 0.0, "end_percent": 1.0, "downscale_method": "bislerp", "upscale_method": "bicubic"}

#: By node, inputs at the ends.
CASES: dict[str, tuple[dict[str, Any], ...]] = {
    "RescaleCFG": ({"multiplier": 0.0}, {"multiplier": 1.0}),
    "FreeU": ({"b1": 0.0, "b2": 0.0, "s1": 0.0, "s2": 0.0}, {"b1": 10.0, "b2": 10.0, "s1": 10.0, "s2": 10.0}),
    "FreeU_V2": ({"b1": 0.0, "b2": 0.0, "s1": 0.0, "s2": 0.0}, {"b1": 10.0, "b2": 10.0, "s1": 10.0, "s2": 10.0}),
    "CFGZeroStar": ({},),
    "CFGNorm": ({"strength": 0.0}, {"strength": 100.0}),
    "Mahiro": ({},),
    "TCFG": ({},),
    "APG": (
        {"eta": -10.0, "norm_threshold": 0.0, "momentum": -5.0},
        {"eta": 10.0, "norm_threshold": 50.0, "momentum": 1.0},
    ),
    "Epsilon Scaling": ({"scaling_factor": 0.5}, {"scaling_factor": 1.5}),
    "FreSca": (
        {"scale_low": 0.0, "scale_high": 0.0, "freq_cutoff": 1},
        {"scale_low": 10.0, "scale_high": 10.0, "freq_cutoff": 10000},
    ),
    "PerturbedAttentionGuidance": ({"scale": 0.0}, {"scale": 100.0}),
    "SelfAttentionGuidance": ({"scale": -2.0, "blur_sigma": 0.0}, {"scale": 5.0, "blur_sigma": 10.0}),
    "UNetSelfAttentionMultiply": (dict.fromkeys(("q", "k", "v", "out"), 0.0),),
    "UNetCrossAttentionMultiply": (dict.fromkeys(("q", "k", "v", "out"), 10.0),),
    "PatchModelAddDownscale": (
        {**DOWNSCALED, "block_number": 1, "downscale_factor": 9.0, "downscale_after_skip": True},
        {**DOWNSCALED, "block_number": 2, "downscale_factor": 0.1, "downscale_after_skip": False},
        {**DOWNSCALED, "block_number": 32, "downscale_factor": 2.0, "downscale_after_skip": True},
    ),
    "TomePatchModel": ({"ratio": 0.0}, {"ratio": 1.0}),
    "HyperTile": ({"tile_size": 1, "swap_size": 128, "max_depth": 10, "scale_depth": True},),
    "ModelSamplingDiscrete": ({"sampling": "lcm", "zsnr": True}, {"sampling": "v_prediction", "zsnr": True}),
    "ModelSamplingContinuousEDM": ({"sampling": "edm", "sigma_max": 1000.0, "sigma_min": 0.001},),
    "ModelSamplingContinuousV": ({"sampling": "v_prediction", "sigma_max": 1000.0, "sigma_min": 0.001},),
}


def changed(loaded: Loaded, name: str, inputs: dict[str, Any]) -> Any:
    node: Any = NODE_CLASSES[name]
    return getattr(node(), node.FUNCTION)(loaded.model, **inputs)[0]


@pytest.mark.parametrize(("shape", "cfg"), [((1, 4, 1, 1), 0.0), ((2, 4, 3, 5), 1.0), ((1, 4, 9, 2), 100.0)])
@pytest.mark.parametrize(("name", "inputs"), [(name, inputs) for name, cases in CASES.items() for inputs in cases])
def test_what_comes_out_is_numbers(
    loaded: Loaded, name: str, inputs: dict[str, Any], shape: tuple[int, ...], cfg: float
) -> None:
    model = changed(loaded, name, inputs)
    sampled = loaded.sampled(model, latent=torch.zeros(shape), cfg=cfg)
    assert sampled.shape == shape
    assert sampled.isfinite().all()


@pytest.mark.parametrize("name", ["APG", "FreSca", "TCFG", "CFGZeroStar"])
def test_guidance_without_a_negative_side_is_left_alone(loaded: Loaded, name: str) -> None:
    expected = loaded.sampled(loaded.model, cfg=1.0)
    found = loaded.sampled(changed(loaded, name, CASES[name][0]), cfg=1.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_a_model_that_is_missing_is_named(loaded: Loaded, name: str) -> None:
    node: Any = NODE_CLASSES[name]
    with pytest.raises(ValueError, match="^model: "):
        getattr(node(), node.FUNCTION)(None, **CASES[name][0])


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("Epsilon Scaling", {"scaling_factor": 0.0}, "^scaling_factor: "),
        (
            "PatchModelAddDownscale",
            {**CASES["PatchModelAddDownscale"][0], "downscale_factor": 0.0},
            "^downscale_factor: ",
        ),
        ("ModelSamplingDiscrete", {"sampling": "x", "zsnr": False}, "^sampling: 'x' is not one of"),
        ("ModelSamplingContinuousEDM", {"sampling": "edm", "sigma_max": 0.0, "sigma_min": 1.0}, "^sigma_max: "),
        ("ModelSamplingContinuousV", {"sampling": "v_prediction", "sigma_max": 1.0, "sigma_min": 0.0}, "^sigma_min: "),
    ],
)
def test_what_makes_no_sense_is_named(loaded: Loaded, name: str, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed(loaded, name, inputs)


def test_an_empty_batch_is_refused(loaded: Loaded) -> None:
    with pytest.raises(ValueError, match="one picture or more"):
        loaded.sampled(loaded.model, latent=torch.zeros(0, 4, 8, 8))
