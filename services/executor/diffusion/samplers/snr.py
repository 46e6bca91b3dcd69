"""Noise levels in terms of the half log signal-to-noise ratio, lambda = log(alpha / sigma).

Exponential integrators step evenly in lambda. A diffusion keeps alpha at 1, a rectified flow has alpha = 1 - sigma, so
one formula in alpha, sigma and lambda serves both.
"""

from __future__ import annotations

from torch import Tensor

from services.executor.diffusion.model_sampling import ModelSampling

FIRST_PERCENT = 1e-4  # where a flow starts instead of at pure noise, whose lambda is infinite


def half_log_snr(model_sampling: ModelSampling, sigma: Tensor) -> Tensor:
    """Return lambda at a noise level."""
    return sigma.logit().neg() if model_sampling.prediction.is_flow else sigma.log().neg()


def sigma_at(model_sampling: ModelSampling, half_log_snr: Tensor) -> Tensor:
    """Return the noise level of a lambda."""
    return half_log_snr.neg().sigmoid() if model_sampling.prediction.is_flow else half_log_snr.neg().exp()


def alpha_at(model_sampling: ModelSampling, sigma: Tensor) -> Tensor:
    """Return the factor on the clean latent at a noise level."""
    return 1 - sigma if model_sampling.prediction.is_flow else sigma.new_ones(())


def with_finite_snr(model_sampling: ModelSampling, sigmas: Tensor) -> Tensor:
    """Return the levels with the first moved off a flow's pure noise."""
    if not model_sampling.prediction.is_flow or sigmas[0] < 1:
        return sigmas
    sigmas = sigmas.clone()
    sigmas[0] = model_sampling.percent_to_sigma(FIRST_PERCENT)
    return sigmas
