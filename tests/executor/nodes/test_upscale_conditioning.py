"""The node that has a diffusion model enlarge pictures."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.upscale_conditioning import SD_4XUpscale_Conditioning


def upscale(
    images: torch.Tensor, scale_ratio: float = 4.0
) -> tuple[dict[str, object], dict[str, object], torch.Tensor]:
    entry = [torch.zeros(1, 1, 1), {"kept": 1}]
    positive, negative, latent = SD_4XUpscale_Conditioning().execute(images, [entry], [entry], scale_ratio, 0.25)
    assert entry[1] == {"kept": 1}
    return positive[0][1], negative[0][1], latent["samples"]


def test_both_sides_get_the_pictures_in_the_size_of_the_latent() -> None:
    images = torch.rand(2, 8, 12, 4)
    positive, negative, latent = upscale(images)
    for options in (positive, negative):
        assert options.keys() == {"kept", "concat_image", "noise_augmentation"}
        assert options["noise_augmentation"] == 0.25
        torch.testing.assert_close(options["concat_image"], images[..., :3].movedim(-1, 1) * 2 - 1)
    assert latent.shape == (2, 4, 8, 12)
    assert not latent.any()


def test_another_factor_makes_another_size() -> None:
    positive, _, latent = upscale(torch.ones(1, 16, 32, 3), 2.0)
    assert latent.shape == (1, 4, 8, 16)
    torch.testing.assert_close(positive["concat_image"], torch.ones(1, 3, 8, 16))


def test_impossible_factors_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="^scale_ratio: at 0 pictures of"):
        upscale(torch.ones(1, 8, 8, 3), 0.0)
    monkeypatch.setattr(limits, "largest_result", lambda: 2**16)
    with pytest.raises(ValueError, match="^scale_ratio: "):
        upscale(torch.ones(1, 128, 128, 3))
