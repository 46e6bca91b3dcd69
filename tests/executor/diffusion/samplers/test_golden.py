from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.noise import initial_noise
from services.executor.diffusion.samplers import SAMPLERS, Sampler
from services.executor.diffusion.samplers.cfg_pp import sample_euler_ancestral_cfg_pp
from services.executor.diffusion.samplers.contract import SamplerFunction
from services.executor.diffusion.samplers.dpm_solver import sample_dpm_adaptive
from services.executor.diffusion.samplers.dpmpp_2s import sample_dpmpp_2s_ancestral
from services.executor.diffusion.samplers.dpmpp_sde import sample_dpmpp_2m_sde, sample_dpmpp_3m_sde, sample_dpmpp_sde
from services.executor.diffusion.samplers.er_sde import sample_er_sde
from services.executor.diffusion.samplers.euler import sample_euler_ancestral
from services.executor.diffusion.samplers.lms import sample_lms
from services.executor.diffusion.samplers.sa_solver import sample_sa_solver
from services.executor.diffusion.schedules import sigmas_for
from services.executor.patching.sampling import callback_of, sample, sample_sigmas
from tests.executor.diffusion.golden import MODEL_SAMPLINGS, table, tensors
from tests.executor.diffusion.toy import CONDITION, NEGATIVE_CONDITION, ToyModel, conditioning, toy_model

TOLERANCE = 2e-5  # of the largest value
WIDE_RANGE_TOLERANCE = 5e-5  # where sigma runs over six orders of magnitude
LOOSER = {
    "dpm_adaptive": 1e-3,  # a step's length depends on its rounding
    "SamplerDPMAdaptative": 1e-3,
    "uni_pc": 1e-4,  # the recording rounds log alpha near its last level, 0.001
    "uni_pc_bh2": 1e-4,
}
WIDE_RANGE = ("v_zsnr", "edm_continuous")

NODES: dict[str, SamplerFunction] = {
    "SamplerEulerAncestral": sample_euler_ancestral,
    "SamplerEulerAncestralCFGPP": sample_euler_ancestral_cfg_pp,
    "SamplerDPMPP_2S_Ancestral": sample_dpmpp_2s_ancestral,
    "SamplerDPMPP_SDE": sample_dpmpp_sde,
    "SamplerDPMPP_2M_SDE": sample_dpmpp_2m_sde,
    "SamplerDPMPP_3M_SDE": sample_dpmpp_3m_sde,
    "SamplerLMS": sample_lms,
    "SamplerDPMAdaptative": sample_dpm_adaptive,
    "SamplerER_SDE": sample_er_sde,
    "SamplerSASolver": sample_sa_solver,
}

Case = dict[str, Any]
Trace = list[tuple[Tensor, Tensor]]

CASES: list[Case] = table("samplers")["cases"]
BY_NAME = [case for case in CASES if "sampler_node" not in case and "sampler_options" not in case]
BY_OPTIONS = [case for case in CASES if "sampler_node" in case or "sampler_options" in case]


def group_of(case: Case) -> tuple[str, str]:
    """Return the sampler and what the case is about: img2img, advanced, mask, or plain."""
    kind = case["key"].split("/")[0]
    return case["sampler"], "plain" if kind == case["sampler"] else kind


GROUPS = {key: list(cases) for key, cases in groupby(sorted(BY_NAME, key=group_of), key=group_of)}


def test_every_recorded_case_is_run() -> None:
    assert len(BY_NAME) + len(BY_OPTIONS) == 800
    assert {case["sampler"] for case in BY_NAME} == set(SAMPLERS)


@pytest.mark.parametrize("group", GROUPS, ids="/".join)
def test_a_sampler_gives_the_recorded_latents(group: tuple[str, str]) -> None:
    for case in GROUPS[group]:
        model = toy_model(MODEL_SAMPLINGS[case["model_sampling"]])
        trace: Trace = []
        result = run(model, case, trace)
        assert_recorded(case, result, trace, model)


@pytest.mark.parametrize("case", BY_OPTIONS, ids=lambda case: case["key"])
def test_a_sampler_with_options_gives_the_recorded_latents(case: Case) -> None:
    model = toy_model(MODEL_SAMPLINGS[case["model_sampling"]])
    trace: Trace = []
    if "sampler_node" in case:
        options = {name: value for name, value in case["sampler_args"].items() if name != "noise_device"}
        sampler = Sampler(NODES[case["sampler_node"]], options)
    else:
        sampler = Sampler(SAMPLERS[case["sampler"]].function, case["sampler_options"])
    result = sample_sigmas(
        model.patcher,
        conditioning(CONDITION),
        conditioning(NEGATIVE_CONDITION),
        torch.zeros(case["shape"]),
        initial_noise(case["shape"], case["seed"]),
        sigmas_for(model.levels, case["scheduler"], case["steps"]),
        sampler,
        cfg=case["cfg"],
        seed=case["seed"],
        callback=callback_of(lambda step, total, x, denoised: trace.append((x, denoised))),
    )
    assert_recorded(case, result, trace, model)


def run(model: ToyModel, case: Case, trace: Trace) -> Tensor:
    """Sample as the recorded case says and append each step's latent and estimate to the trace."""
    return sample(
        model.patcher,
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


def assert_recorded(case: Case, result: Tensor, trace: Trace, model: ToyModel) -> None:
    """Compare the result, the steps on the way, and how often the model was called."""
    tolerance = LOOSER.get(case["sampler"], WIDE_RANGE_TOLERANCE if case["model_sampling"] in WIDE_RANGE else TOLERANCE)
    recorded = tensors("samplers")
    assert_near(result, recorded[case["out"]], tolerance, case["key"])
    assert len(trace) == case["callbacks"], case["key"]
    assert len(model.calls) == case["model_calls"], case["key"]
    for step in case.get("trace", []):
        at = f"trace/{case['key']}/{step}"
        assert_near(trace[step][1], recorded[f"{at}/denoised"], tolerance, at)
        if case["sampler"] != "uni_pc":  # recorded after the step there, and scaled to unit variance
            assert_near(trace[step][0], recorded[f"{at}/x"], tolerance, at)


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, key: str) -> None:
    """Fail when the largest difference is more than a share of the largest value."""
    error = (actual - expected).abs().max() / expected.abs().max()
    assert error <= tolerance, f"{key}: off by {error:.1e} of the largest value"
