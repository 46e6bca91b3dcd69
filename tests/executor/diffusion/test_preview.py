from __future__ import annotations

import torch

from services.executor.diffusion.latent_format import SD1_LATENTS, SDXL_LATENTS, LatentFormat
from services.executor.diffusion.preview import latent_preview

PLAIN_RGB = LatentFormat(rgb_factors=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)))


def test_channels_become_colours_by_the_formats_factors() -> None:
    latent = torch.zeros(1, 4, 2, 3)
    latent[0, 0, 0, 0] = 1.0
    latent[0, :3, 1, 2] = -1.0
    image = latent_preview(latent, PLAIN_RGB)
    assert image.size == (3, 2)
    assert image.getpixel((0, 0)) == (255, 127, 127)
    assert image.getpixel((2, 1)) == (0, 0, 0)


def test_the_first_of_a_batch_is_shown() -> None:
    latent = torch.stack([torch.full((4, 2, 2), 1.0), torch.full((4, 2, 2), -1.0)])
    assert latent_preview(latent, PLAIN_RGB).getpixel((0, 0)) == (255, 255, 255)


def test_the_first_picture_of_a_video_is_shown() -> None:
    latent = torch.stack([torch.full((1, 4, 2, 2), -1.0), torch.full((1, 4, 2, 2), 1.0)], dim=2)
    assert latent_preview(latent, PLAIN_RGB).getpixel((0, 0)) == (0, 0, 0)


def test_a_latent_of_few_channels_shows_those_that_it_has() -> None:
    assert latent_preview(torch.ones(1, 1, 2, 2), PLAIN_RGB).getpixel((1, 1)) == (255, 127, 127)


def test_the_known_families_show_an_empty_latent_as_a_middle_tone() -> None:
    for latent_format in (SD1_LATENTS, SDXL_LATENTS):
        colour = latent_preview(torch.zeros(1, 4, 1, 1), latent_format).getpixel((0, 0))
        assert isinstance(colour, tuple)
        assert all(120 <= value <= 155 for value in colour)


def test_a_family_without_known_colours_is_shown_in_grey() -> None:
    latent = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(0))
    image = latent_preview(latent, LatentFormat(channels=16))
    red, green, blue = image.split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert len(set(red.tobytes())) > 1


def test_a_latent_gone_wrong_still_has_a_preview() -> None:
    latent = torch.full((1, 4, 2, 2), float("nan"))
    assert latent_preview(latent, PLAIN_RGB).getpixel((0, 0)) == (0, 0, 0)
