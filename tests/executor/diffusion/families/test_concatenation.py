from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.families.concatenation import Depth, Editing, Inpainting, Sampled, fitted

NOISE = torch.zeros(2, 4, 6, 10)
GREY = torch.tensor([1.0, 2.0, 3.0, 4.0])
SAMPLED = Sampled(NOISE, lambda latent: latent * 0.5, GREY)


def _ramp(height: int, width: int, channels: int = 4) -> Tensor:
    return torch.arange(float(channels * height * width)).reshape(1, channels, height, width)


def test_a_network_that_paints_into_nothing_paints_everything_over_grey() -> None:
    given = Inpainting().tensor({"latent_image": _ramp(6, 10), "concat_latent_image": _ramp(6, 10)}, SAMPLED)
    assert given.shape == (2, 5, 6, 10)
    assert torch.equal(given[:, 0], torch.ones(2, 6, 10))
    assert torch.equal(given[1, 1:, 3, 7], GREY)


def test_a_network_that_paints_is_given_the_mask_in_cells_and_the_latent_in_its_space() -> None:
    mask = torch.zeros(1, 1, 48, 80)
    mask[..., :24, 40:] = 1
    given = Inpainting().tensor({"concat_mask": mask, "concat_latent_image": _ramp(6, 10)}, SAMPLED)
    expected = torch.zeros(6, 10)
    expected[:3, 5:] = 1
    assert torch.equal(given[:, 0], expected.expand(2, 6, 10))
    assert torch.equal(given[:, 1:], (_ramp(6, 10) * 0.5).expand(2, 4, 6, 10))


def test_soft_masks_are_made_hard() -> None:
    mask = torch.linspace(0, 1, 80).expand(1, 48, 80)
    given = Inpainting().tensor({"concat_mask": mask, "concat_latent_image": _ramp(6, 10)}, SAMPLED)
    assert given[0, 0, 0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_what_is_sampled_stands_in_where_a_conditioning_says_nothing() -> None:
    denoise_mask = torch.zeros(2, 4, 6, 10)
    denoise_mask[..., 4] = 1
    sampled_with = {"denoise_mask": denoise_mask, "latent_image": _ramp(6, 10).expand(2, -1, -1, -1)}
    given = Inpainting().tensor(sampled_with, SAMPLED)
    assert torch.equal(given[:, :1], denoise_mask[:, :1])
    assert torch.equal(given[:, 1:], _ramp(6, 10).expand(2, 4, 6, 10))


def test_a_network_that_edits_is_given_the_latent_of_the_autoencoder_or_of_its_own_space() -> None:
    options = {"concat_latent_image": _ramp(6, 10)}
    assert torch.equal(Editing().tensor(options, SAMPLED)[0], _ramp(6, 10)[0])
    assert torch.equal(Editing(scaled=True).tensor(options, SAMPLED)[0], _ramp(6, 10)[0] * 0.5)
    assert torch.equal(Editing().tensor({}, SAMPLED), NOISE)


def test_depth_is_stretched_picture_by_picture() -> None:
    near = torch.stack([torch.linspace(0, 1, 60), torch.linspace(0.4, 0.6, 60)]).reshape(2, 1, 6, 10)
    given = Depth().tensor({"concat_image": near.expand(2, 3, 6, 10)}, SAMPLED)
    assert given.shape == (2, 1, 6, 10)
    torch.testing.assert_close(given, torch.linspace(-1, 1, 60).reshape(1, 1, 6, 10).expand(2, -1, -1, -1))


def test_without_a_depth_everything_is_halfway() -> None:
    assert torch.equal(Depth().tensor({}, SAMPLED), NOISE[:, :1])


def test_a_flat_depth_stays_a_number() -> None:
    assert Depth().tensor({"concat_image": torch.full((1, 3, 6, 10), 0.3)}, SAMPLED).isfinite().all()


def test_other_proportions_are_cut_around_the_middle() -> None:
    wide = torch.zeros(1, 1, 6, 20)
    wide[..., 5:15] = torch.arange(10.0)
    assert torch.equal(fitted(wide, NOISE)[0, 0, 0], torch.arange(10.0))
    tall = torch.zeros(1, 1, 12, 10)
    tall[..., 3:9, :] = torch.arange(6.0)[:, None]
    assert torch.equal(fitted(tall, NOISE)[1, 0, :, 0], torch.arange(6.0))


def test_a_thread_of_a_picture_fits_too() -> None:
    assert fitted(torch.ones(1, 1, 1, 100), NOISE).shape == (2, 1, 6, 10)
    assert fitted(torch.ones(1, 1, 100, 1), NOISE).shape == (2, 1, 6, 10)
