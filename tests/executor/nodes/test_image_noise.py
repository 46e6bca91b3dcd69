"""The node that adds noise to pictures."""

from __future__ import annotations

import torch

from services.executor.nodes.image_noise import LARGEST_SEED, ImageAddNoise


def test_a_seed_gives_the_noise_that_torch_draws_from_it() -> None:
    image = torch.full((2, 3, 4, 3), 0.5)
    torch.manual_seed(7)
    expected = (image + 0.1 * torch.randn(2, 3, 4, 3)).clamp(0, 1)
    torch.testing.assert_close(ImageAddNoise().add_noise(image, 7, 0.1)[0], expected)


def test_the_global_generator_is_left_alone_by_the_largest_seed() -> None:
    before = torch.get_rng_state()
    (noisy,) = ImageAddNoise().add_noise(torch.zeros(1, 8, 8, 3), LARGEST_SEED, 1.0)
    assert torch.equal(torch.get_rng_state(), before)
    assert 0.0 < float(noisy.max()) <= 1.0
    assert float(noisy.min()) == 0.0


def test_no_strength_changes_nothing() -> None:
    image = torch.rand(1, 4, 4, 3)
    assert torch.equal(ImageAddNoise().add_noise(image, 1, 0.0)[0], image)
