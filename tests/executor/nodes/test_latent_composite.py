"""Nodes that put latents onto others, and masks onto latents."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_composite import LatentComposite, LatentCompositeMasked, SetLatentNoiseMask


def filled(value: float, height: int, width: int, batch: int = 1) -> Latent:
    return {"samples": torch.full((batch, 1, height, width), value)}


def test_a_latent_covers_another_where_it_is_put() -> None:
    under, over = filled(0.0, 3, 4), filled(1.0, 2, 2)
    (result,) = LatentComposite().composite(under, over, 16, 8)
    assert result["samples"][0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert not under["samples"].any()


def test_what_lies_outside_is_cut_off() -> None:
    (result,) = LatentComposite().composite(filled(0.0, 2, 2), filled(1.0, 5, 5), 8, 8)
    assert result["samples"][0, 0].tolist() == [[0, 0], [0, 1]]
    (beside,) = LatentComposite().composite(filled(0.0, 2, 2), filled(1.0, 5, 5), 800, 8, 16)
    assert not beside["samples"].any()


def test_edges_inside_fade() -> None:
    (result,) = LatentComposite().composite(filled(0.0, 1, 8), filled(1.0, 1, 6), 8, 0, 16)
    assert result["samples"].flatten().tolist() == [0, 0.5, 1, 1, 1, 1, 0.5, 0]
    (at_the_edge,) = LatentComposite().composite(filled(0.0, 1, 6), filled(1.0, 1, 6), 0, 0, 16)
    assert at_the_edge["samples"].flatten().tolist() == [1, 1, 1, 1, 1, 1]


def test_a_fade_wider_than_the_latent_ends_with_it() -> None:
    (result,) = LatentComposite().composite(filled(0.0, 1, 4), filled(1.0, 1, 2), 8, 0, 32)
    expected = [0, 0.25 * 0.5, 0.5 * 0.25, 0]
    assert result["samples"].flatten().tolist() == expected


def test_a_mask_decides_where_a_latent_covers_another() -> None:
    mask = torch.tensor([[[0.0, 0.5], [1.0, 1.0]]])
    (result,) = LatentCompositeMasked().composite(filled(2.0, 2, 3), filled(4.0, 2, 2), 8, 0, False, mask)
    assert result["samples"][0, 0].tolist() == [[2, 2, 3], [2, 4, 4]]


def test_the_mask_is_stretched_over_the_source_even_where_that_is_cut_off() -> None:
    mask = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    (result,) = LatentCompositeMasked().composite(filled(0.0, 1, 3), filled(1.0, 1, 4), 8, 0, False, mask)
    assert result["samples"].flatten().tolist() == [0, 1, 1]


def test_a_source_may_be_brought_to_the_size_and_is_brought_to_the_batch() -> None:
    (result,) = LatentCompositeMasked().composite(filled(0.0, 4, 6, batch=2), filled(1.0, 2, 2), 0, 0, True)
    assert bool((result["samples"] == 1).all()) and result["samples"].shape == (2, 1, 4, 6)


def test_a_source_beside_the_destination_changes_nothing() -> None:
    mask = torch.ones(1, 3, 3)
    (result,) = LatentCompositeMasked().composite(filled(0.0, 2, 2), filled(1.0, 2, 2), 16, 16384, False, mask)
    assert not result["samples"].any()


def test_a_latent_of_other_channels_is_named() -> None:
    other = {"samples": torch.zeros(1, 16, 2, 2)}
    with pytest.raises(ValueError, match="^samples_from: a latent of 16 channels"):
        LatentComposite().composite(filled(0.0, 2, 2), other, 0, 0)
    with pytest.raises(ValueError, match="^source: a latent of 16 channels"):
        LatentCompositeMasked().composite(filled(0.0, 2, 2), other, 0, 0, True)


def test_a_noise_mask_gets_a_channel() -> None:
    (result,) = SetLatentNoiseMask().set_mask(filled(0.0, 2, 2), torch.ones(3, 16, 16))
    assert result["noise_mask"].shape == (3, 1, 16, 16)
    assert SetLatentNoiseMask().set_mask(result, torch.zeros(5, 7))[0]["noise_mask"].shape == (1, 1, 5, 7)
