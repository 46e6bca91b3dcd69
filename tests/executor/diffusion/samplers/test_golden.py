from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.sampling import sample
from tests.executor.diffusion.golden import MODEL_SAMPLINGS, table, tensors
from tests.executor.diffusion.toy import CONDITION, NEGATIVE_CONDITION, ToyModel, conditioning, toy_model

TOLERANCE = 2e-5  # of the largest value
LOOSER = {"dpm_adaptive": 1e-3, "uni_pc": 1e-4, "uni_pc_bh2": 1e-4}


def group_of(case: dict[str, Any]) -> tuple[str, str]:
    return case["sampler"], case["key"].split("/")[0] if "mask" not in case["key"] else "mask"


NAMED = [case for case in table("samplers")["cases"] if case["sampler"] in SAMPLERS and "sampler_options" not in case]
GROUPS = {key: list(cases) for key, cases in groupby(sorted(NAMED, key=group_of), key=group_of)}


@pytest.mark.parametrize("group", GROUPS, ids="/".join)
def test_a_sampler_gives_the_recorded_latents(group: tuple[str, str]) -> None:
    for case in GROUPS[group]:
        model = toy_model(MODEL_SAMPLINGS[case["model_sampling"]])
        trace: list[tuple[Tensor, Tensor]] = []
        result = run(model, case, trace)
        assert_recorded(case, result, trace, model)


def run(model: ToyModel, case: dict[str, Any], trace: list[tuple[Tensor, Tensor]]) -> Tensor:
    return sample(
        model,
        conditioning(CONDITION),
        conditioning(NEGATIVE_CONDITION),
        torch.zeros(case["shape"]) if case["latent"] == "zeros" else tensors("samplers")[case["latent"]],
        seed=case["seed"],
        steps=case["steps"],
        cfg=case["cfg"],
        sampler=case["sampler"],
        scheduler=case["scheduler"],
        denoise=case["denoise"],
        start_at_step=case["start_at_step"],
        end_at_step=case["end_at_step"],
        force_full_denoise=case["force_full_denoise"],
        noise_mask=tensors("samplers")[case["noise_mask"]] if "noise_mask" in case else None,
        disable_noise=case["noise"] == "zeros",
        report=lambda step, total, x, denoised: trace.append((x, denoised)),
    )


def assert_recorded(case: dict[str, Any], result: Tensor, trace: list[tuple[Tensor, Tensor]], model: ToyModel) -> None:
    tolerance = LOOSER.get(case["sampler"], TOLERANCE)
    assert_near(result, tensors("samplers")[case["out"]], tolerance, case["key"])
    assert len(trace) == case["callbacks"], case["key"]
    assert len(model.calls) == case["model_calls"], case["key"]


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, key: str) -> None:
    error = (actual - expected).abs().max() / expected.abs().max()
    assert error <= tolerance, f"{key}: off by {error:.1e} of the largest value"
