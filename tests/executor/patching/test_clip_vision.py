"""What is seen in pictures, against numbers that ComfyUI computed with the same weights."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion import clip_pictures
from services.executor.diffusion.checkpoints.clip_vision import load_clip_vision
from services.executor.patching.clip_vision import ClipVisionModel
from tests.executor.diffusion.golden import GOLDEN, tensors

RECORDED = tensors("modules")
TOLERANCE = 2e-5  # of the largest value
MODEL = ClipVisionModel(load_clip_vision(GOLDEN / "models" / "clip_vision" / "cv_small.safetensors"))


@pytest.mark.parametrize("crop", [True, False])
def test_pictures_are_prepared_as_recorded(crop: bool) -> None:
    assert torch.equal(clip_pictures.prepared(RECORDED["cv/image"], 56, crop), RECORDED[f"cv/{crop}/pre"])


@pytest.mark.parametrize("part", ["last_hidden_state", "penultimate_hidden_states", "image_embeds"])
@pytest.mark.parametrize("crop", [True, False])
def test_what_is_seen_is_as_recorded(crop: bool, part: str) -> None:
    expected = RECORDED[f"cv/{crop}/{part}"]
    seen = MODEL.encode_image(RECORDED["cv/image"], crop)[part]
    torch.testing.assert_close(seen, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


def test_a_picture_of_the_right_size_is_not_scaled() -> None:
    picture = torch.randint(0, 256, (1, 56, 56, 3)) / 255
    middle, width = torch.tensor(clip_pictures.MEAN), torch.tensor(clip_pictures.STANDARD_DEVIATION)
    prepared = clip_pictures.prepared(picture, 56).movedim(1, -1)
    torch.testing.assert_close(prepared * width + middle, picture, rtol=0, atol=1e-6)


def test_a_fourth_channel_is_not_looked_at() -> None:
    picture = torch.rand(1, 40, 60, 4)
    one, other = MODEL.encode_image(picture), MODEL.encode_image(picture[..., :3])
    assert torch.equal(one.image_embeds, other.image_embeds)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (1, 3, 500, 3), (3, 57, 55, 3)])
@pytest.mark.parametrize("crop", [True, False])
def test_pictures_of_any_size_are_seen(shape: tuple[int, ...], crop: bool) -> None:
    assert MODEL.encode_image(torch.rand(shape), crop).image_embeds.shape == (shape[0], 24)


@pytest.mark.parametrize("shape", [(1, 20, 20, 1), (20, 20, 3), (0, 20, 20, 3), (1, 0, 20, 3)])
def test_what_is_no_picture_is_refused_with_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"image: .*{list(shape)[-1]}\]"):
        MODEL.encode_image(torch.zeros(shape))
