"""Latents of videos."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.video_latents import (
    EmptyCosmosLatentVideo,
    EmptyHunyuanLatentVideo,
    EmptyHunyuanVideo15Latent,
    EmptyLTXVLatentVideo,
    EmptyMochiLatentVideo,
    EmptyVideoLatent,
    TrimVideoLatent,
)


@pytest.mark.parametrize(
    ("node", "length", "shape"),
    [
        (EmptyHunyuanLatentVideo, 25, (2, 16, 7, 8, 16)),
        (EmptyHunyuanLatentVideo, 1, (2, 16, 1, 8, 16)),
        (EmptyHunyuanVideo15Latent, 25, (2, 32, 7, 4, 8)),
        (EmptyMochiLatentVideo, 25, (2, 12, 5, 8, 16)),
        (EmptyCosmosLatentVideo, 121, (2, 16, 16, 8, 16)),
        (EmptyLTXVLatentVideo, 97, (2, 128, 13, 2, 4)),
        (EmptyLTXVLatentVideo, 96, (2, 128, 12, 2, 4)),
    ],
)
def test_every_family_has_its_channels_cells_and_frames(
    node: type[EmptyVideoLatent], length: int, shape: tuple[int, ...]
) -> None:
    (latent,) = node().execute(128, 64, length, 2)
    assert latent["samples"].shape == shape
    assert not latent["samples"].any()


def test_a_video_that_could_not_be_held_names_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "largest_result", lambda: 2**20)
    with pytest.raises(ValueError, match="^width, height, length, batch_size: "):
        EmptyHunyuanLatentVideo().execute(16384, 16384, 16384, 4096)


def test_the_beginning_of_a_video_is_cut_off() -> None:
    samples = torch.arange(5.0).reshape(1, 1, 5, 1, 1)
    (trimmed,) = TrimVideoLatent().execute({"samples": samples, "type": "kept"}, 2)
    assert trimmed["samples"].flatten().tolist() == [2, 3, 4]
    assert trimmed["type"] == "kept"
    assert TrimVideoLatent().execute({"samples": samples}, 0)[0]["samples"].shape == samples.shape


def test_a_video_without_frames_and_a_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="^trim_amount: 5 of 5 frames"):
        TrimVideoLatent().execute({"samples": torch.zeros(1, 1, 5, 1, 1)}, 5)
    with pytest.raises(ValueError, match="^samples: expected the latent of a video"):
        TrimVideoLatent().execute({"samples": torch.zeros(1, 4, 8, 8)}, 1)
