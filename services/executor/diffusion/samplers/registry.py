"""Every sampler by its name."""

from __future__ import annotations

from collections.abc import Mapping

from services.executor.diffusion.samplers.contract import Sampler
from services.executor.diffusion.samplers.dpmpp_2m import sample_dpmpp_2m
from services.executor.diffusion.samplers.euler import sample_euler, sample_euler_ancestral

SAMPLERS: Mapping[str, Sampler] = {
    "euler": Sampler(sample_euler),
    "euler_ancestral": Sampler(sample_euler_ancestral),
    "dpmpp_2m": Sampler(sample_dpmpp_2m),
    "ddim": Sampler(sample_euler, renews_mask_noise=True),
}
