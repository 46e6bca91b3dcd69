from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.families.stable_diffusion_xl import STABLE_DIFFUSION_XL, STABLE_DIFFUSION_XL_REFINER
from services.executor.diffusion.families.vectors import VectorLayout

POOLED = torch.arange(1280.0)[None]


def _layout(name: str) -> VectorLayout:
    family = {"base": STABLE_DIFFUSION_XL, "refiner": STABLE_DIFFUSION_XL_REFINER}[name]
    assert isinstance(family.vector, VectorLayout)
    return family.vector


def _waves(number: float) -> Tensor:
    angles = [number / 10000 ** (step / 128) for step in range(128)]
    return torch.tensor([math.cos(angle) for angle in angles] + [math.sin(angle) for angle in angles])


def _expected(*numbers: float) -> Tensor:
    return torch.cat([POOLED[0], *map(_waves, numbers)])[None]


def test_the_base_model_is_told_the_sizes_one_by_one() -> None:
    sizes = {"width": 1024, "height": 768, "crop_w": 8, "crop_h": 16, "target_width": 900, "target_height": 700}
    vector = _layout("base").vector({"pooled_output": POOLED, **sizes}, 2816)
    torch.testing.assert_close(vector, _expected(768, 1024, 16, 8, 700, 900), rtol=0, atol=1e-4)


def test_sizes_that_nobody_gives_are_those_of_the_picture() -> None:
    vector = _layout("base").vector({"pooled_output": POOLED, "width": 512, "height": 256}, 2816)
    torch.testing.assert_close(vector, _expected(256, 512, 0, 0, 256, 512), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "score"), [({"prompt_type": "positive"}, 6.0), ({"prompt_type": "negative"}, 2.5), ({}, 6.0)]
)
def test_the_refiner_is_told_an_aesthetic_score(options: dict[str, str], score: float) -> None:
    sizes = {"width": 512, "height": 256, "crop_w": 4}
    vector = _layout("refiner").vector({"pooled_output": POOLED, **sizes, **options}, 2560)
    torch.testing.assert_close(vector, _expected(256, 512, 0, 4, score), rtol=0, atol=1e-4)
    vector = _layout("refiner").vector({"pooled_output": POOLED, **sizes, **options, "aesthetic_score": 9}, 2560)
    torch.testing.assert_close(vector, _expected(256, 512, 0, 4, 9), rtol=0, atol=1e-4)


def test_pooled_text_of_several_pictures_has_a_vector_for_each() -> None:
    pooled = torch.stack([torch.zeros(1280), torch.ones(1280)])
    vector = _layout("base").vector({"pooled_output": pooled, "width": 8, "height": 8}, 2816)
    assert torch.equal(vector[:, :1280], pooled)
    assert torch.equal(vector[0, 1280:], vector[1, 1280:])


def test_a_condition_without_pooled_text_is_refused() -> None:
    with pytest.raises(ValueError, match="pooled_output: this model needs a pooled text embedding of width 1280"):
        _layout("base").vector({"width": 8, "height": 8}, 2816)


def test_pooled_text_of_another_model_is_refused_with_both_widths() -> None:
    with pytest.raises(ValueError, match=r"of width 1280, that of the conditioning has 768; was it made by another"):
        _layout("base").vector({"pooled_output": torch.zeros(1, 768), "width": 8, "height": 8}, 2816)
