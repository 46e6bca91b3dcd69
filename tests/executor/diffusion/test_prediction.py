from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.prediction import (
    Epsilon,
    Flow,
    Preconditioned,
    Prediction,
    Sample,
    VarianceExploding,
    Velocity,
)

CLEAN = torch.linspace(-1, 1, 8).view(1, 2, 2, 2)
NOISE = torch.linspace(2, -1, 8).view(1, 2, 2, 2)


def perfect_output(prediction: Prediction, sigma: torch.Tensor) -> torch.Tensor:
    """Return what a perfect network would say of CLEAN with NOISE, by each parameterisation's own definition."""
    variance = sigma**2 + getattr(prediction, "sigma_data", 1.0) ** 2
    match prediction:
        case Epsilon():
            return NOISE
        case Velocity():
            alpha, deviation = 1 / variance**0.5, sigma / variance**0.5
            return alpha * NOISE - deviation * CLEAN
        case Preconditioned(sigma_data):
            noisy = CLEAN + sigma * NOISE
            return (CLEAN - sigma_data**2 / variance * noisy) * variance**0.5 / (sigma * sigma_data)
        case Sample():
            return CLEAN
    return NOISE - CLEAN


@pytest.mark.parametrize(
    "prediction", [Epsilon(), Velocity(), Preconditioned(), Sample(), Flow()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("level", [0.03, 0.7])
def test_a_perfect_network_denoises_perfectly(prediction: Prediction, level: float) -> None:
    sigma = torch.tensor(level)
    noisy = prediction.add_noise(sigma, NOISE, CLEAN)
    denoised = prediction.denoised(perfect_output(prediction, sigma), noisy, sigma)
    torch.testing.assert_close(denoised, CLEAN, rtol=1e-4, atol=1e-5)


def test_inputs_of_a_diffusion_are_scaled_to_the_datas_deviation() -> None:
    sigma = torch.tensor(3.0)
    torch.testing.assert_close(Epsilon().model_input(NOISE, sigma), NOISE / 10**0.5)
    torch.testing.assert_close(Preconditioned(0.5).model_input(NOISE, sigma), NOISE / 9.25**0.5)
    assert Flow().model_input(NOISE, torch.tensor(0.3)) is NOISE


def test_at_the_highest_level_noise_also_stands_for_the_latents_variance() -> None:
    sigma = torch.tensor(3.0)
    prediction = VarianceExploding()
    torch.testing.assert_close(prediction.add_noise(sigma, NOISE, CLEAN, is_maximum=True), NOISE * 10**0.5 + CLEAN)


def test_finishing_undoes_a_flows_scaling() -> None:
    sigma = torch.tensor(0.25)
    noisy = Flow().add_noise(sigma, torch.zeros_like(CLEAN), CLEAN)
    torch.testing.assert_close(Flow().finish(sigma, noisy), CLEAN)
    assert Epsilon().finish(sigma, noisy) is noisy
