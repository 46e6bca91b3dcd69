"""Guidance of a bounded length, below a noise level."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.nodes.patches.renormalised_guidance import RenormCFG
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

NOISY = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
COND = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(2))
UNCOND = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(3))
PLAIN = UNCOND + 5.0 * (COND - UNCOND)


def prediction(loaded: Loaded, cfg_trunc: float, renorm_cfg: float, sigma: float = 2.0) -> Tensor:
    """The clean latents that guidance of 5 gives."""
    (model,) = RenormCFG().patch(loaded.model, cfg_trunc, renorm_cfg)
    told = {"input": NOISY, "cond_denoised": COND, "uncond_denoised": UNCOND, "cond_scale": 5.0}
    found: Tensor = model.model_options["sampler_cfg_function"]({**told, "timestep": torch.full((2,), sigma)})
    return NOISY - found


def lengths(latents: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(latents.flatten(1), dim=1)
    return length


def test_guidance_is_as_long_as_the_positive_prediction_at_most(loaded: Loaded) -> None:
    found = prediction(loaded, 100.0, 1.0)
    torch.testing.assert_close(lengths(found), lengths(COND))
    torch.testing.assert_close(found / lengths(found).view(2, 1, 1, 1), PLAIN / lengths(PLAIN).view(2, 1, 1, 1))
    torch.testing.assert_close(lengths(prediction(loaded, 100.0, 2.0)), 2 * lengths(COND))


@pytest.mark.parametrize("renorm_cfg", [0.0, 100.0])
def test_what_is_not_too_long_stays(loaded: Loaded, renorm_cfg: float) -> None:
    torch.testing.assert_close(prediction(loaded, 100.0, renorm_cfg), PLAIN)


def test_at_high_noise_there_is_no_guidance(loaded: Loaded) -> None:
    torch.testing.assert_close(prediction(loaded, 2.0, 1.0), COND)
    assert not torch.allclose(prediction(loaded, 2.5, 1.0), COND)


def test_a_model_samples_with_it(loaded: Loaded) -> None:
    (model,) = RenormCFG().patch(loaded.model, 100.0, 0.0)
    torch.testing.assert_close(loaded.sampled(model), loaded.sampled(loaded.model), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="^model: "):
        RenormCFG().patch(None, 100.0, 1.0)
