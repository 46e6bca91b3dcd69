"""Latents and pictures that do not fit an autoencoder are refused by what is wrong with them."""

from __future__ import annotations

import pytest
import torch

from tests.executor.patching.conftest import Loaded


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 16, 8, 8), "4 channels, these have 16"),
        ((1, 4, 2, 8, 8), "4 dimensions and not 5"),
        ((4, 8, 8), "4 dimensions and not 3"),
        ((0, 4, 8, 8), "nothing to decode"),
        ((1, 4, 0, 8), "nothing to decode"),
    ],
)
def test_latents_that_do_not_fit_are_refused(loaded: Loaded, shape: tuple[int, ...], said: str) -> None:
    for decode in (loaded.vae.decode, loaded.vae.decode_tiled):
        with pytest.raises(ValueError, match=f"samples: .*{said}"):
            decode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 16, 16, 1), "3 channels, these have 1"),
        ((1, 16, 16, 2), "3 channels, these have 2"),
        ((1, 16, 16, 0), "3 channels, these have 0"),
        ((16, 16, 3), "4 dimensions and not 3"),
        ((0, 16, 16, 3), "nothing to encode"),
        ((1, 0, 16, 3), "nothing to encode"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(loaded: Loaded, shape: tuple[int, ...], said: str) -> None:
    for encode in (loaded.vae.encode, loaded.vae.encode_tiled):
        with pytest.raises(ValueError, match=f"pixels: .*{said}"):
            encode(torch.zeros(shape))


def test_values_that_are_no_numbers_come_out_as_such(loaded: Loaded) -> None:
    for value in (float("nan"), float("inf")):
        pixels = loaded.vae.decode(torch.full((1, 4, 8, 8), value))
        assert pixels.shape == (1, 64, 64, 3)
        assert pixels.isnan().all()


@pytest.mark.parametrize("side", [1, 2, 3])
def test_the_smallest_latents_work(loaded: Loaded, side: int) -> None:
    pixels = loaded.vae.decode(torch.zeros(1, 4, side, side))
    assert pixels.shape == (1, side * 8, side * 8, 3)
    assert loaded.vae.encode(pixels).shape == (1, 4, side, side)
