"""Latents of zeros for other model families."""

from __future__ import annotations

from typing import Any

import pytest

from services.executor.nodes import limits
from services.executor.nodes.empty_latents import (
    EmptyAceStepLatentAudio,
    EmptyChromaRadianceLatentImage,
    EmptyFlux2LatentImage,
    EmptyHunyuanImageLatent,
    EmptyLatentHunyuan3Dv2,
    EmptySD3LatentImage,
    StableCascade_EmptyLatentImage,
)
from services.executor.nodes.latent import EmptyLatentImage


def test_every_family_has_its_channels_and_cells() -> None:
    assert EmptyLatentImage().generate(64, 32, 2)[0]["samples"].shape == (2, 4, 4, 8)
    assert EmptySD3LatentImage().execute(64, 32, 2)[0]["samples"].shape == (2, 16, 4, 8)
    assert EmptyHunyuanImageLatent().generate(128, 64, 2)[0]["samples"].shape == (2, 64, 2, 4)
    assert EmptyFlux2LatentImage().execute(64, 32, 2)[0]["samples"].shape == (2, 128, 2, 4)
    assert EmptyChromaRadianceLatentImage().execute(32, 16, 2)[0]["samples"].shape == (2, 3, 16, 32)
    stage_c, stage_b = StableCascade_EmptyLatentImage().execute(512, 256, 42, 2)
    assert stage_c["samples"].shape == (2, 16, 6, 12)
    assert stage_b["samples"].shape == (2, 4, 64, 128)
    assert not stage_c["samples"].any() and not stage_b["samples"].any()


def test_songs_and_shapes_say_what_they_are() -> None:
    (song,) = EmptyAceStepLatentAudio().execute(120.0, 2)
    assert song["samples"].shape == (2, 8, 16, 1291)
    assert song["type"] == "audio"
    (shape,) = EmptyLatentHunyuan3Dv2().generate(3072, 2)
    assert shape["samples"].shape == (2, 64, 3072)
    assert shape["type"] == "hunyuan3dv2"


@pytest.mark.parametrize("make", [EmptyLatentImage().generate, EmptySD3LatentImage().execute])
def test_latents_that_could_not_be_held_name_the_inputs(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setattr(limits, "largest_result", lambda: 2**20)
    with pytest.raises(ValueError, match="^width, height, batch_size: "):
        make(16384, 16384, 4096)
