"""Prompts for Stable Diffusion XL and its refiner."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.checkpoints.text_encoders import encoder_parts, text_encoders
from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.sdxl_prompts import CLIPTextEncodeSDXL, CLIPTextEncodeSDXLRefiner
from services.executor.patching.clip import CLIP
from tests.executor.diffusion.golden import GOLDEN

CHECKPOINTS = GOLDEN / "models" / "checkpoints"
G = "conditioner.embedders.1.model."
SIZES = {"width": 640, "height": 512, "crop_w": 8, "crop_h": 16, "target_width": 1024, "target_height": 768}
LONG = "cat " * 100


def _clip(name: str) -> CLIP:
    clip = load_checkpoint(CHECKPOINTS / f"{name}.safetensors").clip
    assert clip
    return CLIP(clip)


@pytest.fixture(scope="module")
def xl() -> CLIP:
    return _clip("sdxl_small")


@pytest.fixture(scope="module")
def refiner() -> CLIP:
    weights, configuration = load_file(CHECKPOINTS / "sdxl_small.safetensors"), {"clip_g": {"num_attention_heads": 3}}
    return CLIP(text_encoders(encoder_parts(weights, configuration, G)))


def _encoded(clip: Any, text_g: str, text_l: str) -> Conditioning:
    (conditioning,) = CLIPTextEncodeSDXL().execute(clip=clip, text_g=text_g, text_l=text_l, **SIZES)
    return conditioning


def test_each_encoder_gets_its_prompt_and_the_sizes_are_passed_on(xl: CLIP) -> None:
    ((embedding, options),) = _encoded(xl, "a cat", "a dog")
    cat, dog = xl.encode("a cat"), xl.encode("a dog")
    assert torch.equal(embedding[..., :24], dog[..., :24])
    assert torch.equal(embedding[..., 24:], cat[..., 24:])
    assert {name: options[name] for name in SIZES} == SIZES


@pytest.mark.parametrize(("text_g", "text_l"), [(LONG, "a dog"), ("a dog", LONG)])
def test_the_shorter_prompt_is_filled_up_with_the_empty_one(xl: CLIP, text_g: str, text_l: str) -> None:
    ((embedding, _),) = _encoded(xl, text_g, text_l)
    assert embedding.shape == (1, 154, 48)
    shorter = slice(0, 24) if text_l == "a dog" else slice(24, 48)
    assert torch.equal(embedding[:, 77:, shorter], xl.encode("")[..., shorter])


def test_the_refiner_reads_the_second_encoder_alone(xl: CLIP, refiner: CLIP) -> None:
    (((embedding, options),),) = CLIPTextEncodeSDXLRefiner().execute(refiner, 6.5, 640, 512, "a cat")
    assert torch.equal(embedding, xl.encode("a cat")[..., 24:])
    assert (options["aesthetic_score"], options["width"], options["height"]) == (6.5, 640, 512)
    ((through_the_other, _),) = _encoded(refiner, "a cat", "a dog")
    assert torch.equal(through_the_other, embedding)


def test_text_encoders_of_another_family_are_refused() -> None:
    with pytest.raises(ValueError, match="clip: these are not the text encoders of Stable Diffusion XL"):
        _encoded(_clip("sd15_small"), "a", "b")


def test_there_must_be_text_encoders() -> None:
    with pytest.raises(ValueError, match="clip: the checkpoint holds no text encoder"):
        _encoded(None, "a", "b")
    with pytest.raises(ValueError, match="clip: the checkpoint holds no text encoder"):
        CLIPTextEncodeSDXLRefiner().execute(None, 6.0, 1, 1, "a")
