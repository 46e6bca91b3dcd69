"""Guidance that differs from frame to frame."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.nodes.patches.video_guidance import VideoLinearCFGGuidance, VideoTriangleCFGGuidance
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

FRAMES = 5


def scales(loaded: Loaded, node: Any, frames: int = FRAMES) -> list[float]:
    """By how much each frame is guided from 1 at least to 9 at most."""
    (model,) = node().patch(loaded.model, 1.0)
    guided = model.model_options["sampler_cfg_function"]
    found = guided({"cond": torch.ones(frames, 4, 2, 2), "uncond": torch.zeros(frames, 4, 2, 2), "cond_scale": 9.0})
    assert found.shape == (frames, 4, 2, 2)
    return [float(frame.mean()) for frame in found]


def test_guidance_grows_along_a_video(loaded: Loaded) -> None:
    assert scales(loaded, VideoLinearCFGGuidance) == pytest.approx([1, 3, 5, 7, 9])
    assert scales(loaded, VideoLinearCFGGuidance, 1) == [1.0]


def test_guidance_is_strongest_in_the_middle_of_a_video(loaded: Loaded) -> None:
    assert scales(loaded, VideoTriangleCFGGuidance) == pytest.approx([1, 5, 9, 5, 1])


def test_a_picture_is_guided_the_least(loaded: Loaded) -> None:
    (model,) = VideoLinearCFGGuidance().patch(loaded.model, 2.0)
    torch.testing.assert_close(loaded.sampled(model), loaded.sampled(loaded.model, cfg=2.0))
    with pytest.raises(ValueError, match="^model: "):
        VideoLinearCFGGuidance().patch(None, 2.0)
