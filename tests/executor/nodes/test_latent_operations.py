"""Operations on latents."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.latent_operations import (
    LatentApplyOperation,
    LatentOperationSharpen,
    LatentOperationTonemapReinhard,
)


def test_tones_are_compressed_below_the_ceiling() -> None:
    latent = torch.tensor([[3.0, 0.0], [4.0, 1.0]]).reshape(1, 2, 1, 2)  # norms 5 and 1
    (operation,) = LatentOperationTonemapReinhard().execute(0.5)
    (mapped,) = LatentApplyOperation().execute({"samples": latent}, operation)
    ceiling = 0.5 * (3 + 5 * 8**0.5)  # mean 3, standard deviation sqrt(((5 - 3)^2 + (1 - 3)^2) / 1)
    expected = latent * torch.tensor([ceiling / (5 + ceiling), ceiling / (1 + ceiling)])
    torch.testing.assert_close(mapped["samples"], expected)


def test_a_ceiling_of_nothing_leaves_nothing() -> None:
    (operation,) = LatentOperationTonemapReinhard().execute(0.0)
    assert not operation(latent=torch.rand(1, 4, 3, 3)).any()


def test_sharpening_strengthens_what_differs_from_its_neighbours() -> None:
    latent = torch.tensor([1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0]).reshape(1, 1, 1, 7).expand(1, 1, 7, 7).clone()
    (operation,) = LatentOperationSharpen().execute(1, 1.0, 0.1)
    sharpened = operation(latent=latent)[0, 0, 3]
    sides = 2 * 2.718281828**-0.5 / (1 + 2 * 2.718281828**-0.5)  # weight of the Gaussian's outer columns
    middle = -1 - 2 * sides
    torch.testing.assert_close(
        sharpened, torch.tensor([1, 1, 1 + sides, middle, 1 + sides, 1, 1]), rtol=1e-5, atol=1e-5
    )


def test_sharpening_by_nothing_and_flat_latents_change_nothing() -> None:
    latent = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(
        LatentOperationSharpen().execute(3, 1.0, 0.0)[0](latent=latent), latent, rtol=1e-4, atol=1e-5
    )
    flat = torch.ones(1, 4, 8, 8)
    torch.testing.assert_close(
        LatentOperationSharpen().execute(3, 1.0, 5.0)[0](latent=flat), flat, rtol=1e-4, atol=1e-4
    )


def test_a_radius_larger_than_the_latent_is_named() -> None:
    (operation,) = LatentOperationSharpen().execute(8, 1.0, 0.1)
    with pytest.raises(ValueError, match="sharpen_radius: 8 is too large"):
        operation(latent=torch.zeros(1, 4, 8, 16))
