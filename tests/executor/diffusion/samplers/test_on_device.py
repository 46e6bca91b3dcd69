from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.conditioning import Condition
from services.executor.diffusion.guidance import ClassifierFreeGuidance
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.sampling import GuidedDenoiser, run_sampler
from services.executor.diffusion.schedules import sigmas_for
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import toy_model

META = torch.device("meta")
WAITS_FOR_ITS_ERROR = "dpm_adaptive"
NEVER_WAIT = [name for name in SAMPLERS if name != WAITS_FOR_ITS_ERROR and not name.endswith("_gpu")]  # meta draws none


def run_on_meta(sampler: str, kind: str) -> list[int]:
    """Sample on a device whose values cannot be read, and return the steps that were reported."""
    model = toy_model(MODEL_SAMPLINGS[kind], device=META)
    context = Condition(torch.zeros(1, 1, 1, device=META))
    steps: list[int] = []
    run_sampler(
        SAMPLERS[sampler],
        GuidedDenoiser(ClassifierFreeGuidance(model, [context], [context], 4.0)),
        torch.zeros(1, 4, 8, 8, device=META),
        torch.ones(1, 4, 8, 8),
        sigmas_for(model.model_sampling, "karras", 6),
        seed=1,
        noise_mask=torch.ones(64, 64, device=META),
        report=lambda step, total, x, denoised: steps.append(step),
    )
    return steps


@pytest.mark.parametrize("kind", ["sd15_eps", "discrete_flow_shift3"])
@pytest.mark.parametrize("sampler", NEVER_WAIT)
def test_no_step_reads_a_value_from_the_device(sampler: str, kind: str) -> None:
    steps = run_on_meta(sampler, kind)
    assert steps == list(range(len(steps)))
    assert steps


def test_reading_a_value_from_that_device_fails() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        run_on_meta(WAITS_FOR_ITS_ERROR, "sd15_eps")
