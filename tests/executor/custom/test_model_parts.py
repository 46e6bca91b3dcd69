"""Packs that load models themselves, and that take text encoders apart."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from services.executor.diffusion.checkpoints.weights_file import read_model_file
from tests.executor.custom.conftest import Load
from tests.executor.diffusion.golden import GOLDEN

CHECKPOINTS = GOLDEN / "models" / "checkpoints"
XL, SD1 = CHECKPOINTS / "sdxl_small.safetensors", CHECKPOINTS / "sd15_small.safetensors"
UNET = GOLDEN / "models" / "diffusion_models" / "sd2_unet_small.safetensors"
PROMPT = "a (red:1.3) cat"

Offered = Callable[[str], Any]


@pytest.fixture
def offered(load: Load) -> Offered:
    load()
    return importlib.import_module


@pytest.fixture
def clip(offered: Offered) -> Any:
    return offered("comfy.sd").load_checkpoint_guess_config(str(XL))[1]


@torch.inference_mode()
def test_encoders_may_be_run_one_by_one(offered: Offered, clip: Any) -> None:
    tokens = clip.tokenize(PROMPT, return_word_ids=True)
    whole, pooled = clip.encode_from_tokens(tokens, return_pooled=True)
    model = clip.cond_stage_model
    assert isinstance(model, offered("comfy.sdxl_clip").SDXLClipModel)
    assert not isinstance(model, offered("comfy.sd1_clip").SD1ClipModel)
    first, _ = model.clip_l.encode_token_weights(tokens["l"])
    second, own_pooled = model.clip_g.encode_token_weights(tokens["g"])
    assert torch.equal(torch.cat([first, second], dim=-1), whole)
    assert torch.equal(own_pooled, pooled)


@torch.inference_mode()
def test_options_hold_until_they_are_reset(clip: Any) -> None:
    tokens = clip.tokenize(PROMPT)
    model = clip.cond_stage_model
    usual, pooled = model.encode_token_weights(tokens)
    model.set_clip_options({"layer": -3, "projected_pooled": False})
    changed, unprojected = model.encode_token_weights(tokens)
    model.reset_clip_options()
    clip.clip_layer(-3)
    assert torch.equal(clip.encode(PROMPT), changed)
    assert torch.equal(clip.encode_from_tokens(tokens, return_pooled="unprojected")[1], unprojected)
    assert not torch.equal(unprojected, pooled)
    assert torch.equal(model.encode_token_weights(tokens)[0], usual)


def test_tokenizers_say_how_they_fill_up(clip: Any) -> None:
    tokenizer = clip.tokenizer
    assert (tokenizer.clip_l.pad_with_end, tokenizer.clip_g.pad_with_end) == (True, False)
    assert tokenizer.clip_g.tokenize_with_weights("")[0][2:] == [(0, 1.0)] * 75
    assert clip.cond_stage_model.clip_g.special_tokens == {"start": 49406, "end": 49407, "pad": 0}


def test_tokens_for_all_encoders_are_needed(clip: Any) -> None:
    tokens = clip.tokenize(PROMPT)
    del tokens["g"]
    with pytest.raises(ValueError, match="tokens: there are none for the text encoder 'g'"):
        clip.encode_from_tokens(tokens)


@torch.inference_mode()
def test_models_are_loaded_from_files_and_from_weights(offered: Offered, tmp_path: Path) -> None:
    sd = offered("comfy.sd")
    model, clip, vae, vision = sd.load_checkpoint_guess_config(str(SD1))
    assert vision is None
    file = read_model_file(SD1, "a checkpoint")
    again = sd.load_state_dict_guess_config(dict(file.weights), metadata=dict(file.metadata))
    assert torch.equal(again[1].encode(PROMPT), clip.encode(PROMPT))
    assert again[0].model_state_dict().keys() == model.model_state_dict().keys()
    latent = torch.ones(1, 4, 2, 2)
    assert torch.equal(again[2].decode(latent), vae.decode(latent))
    assert sd.load_state_dict_guess_config(dict(file.weights), False, False, False, None, False) == (None,) * 4
    assert sd.load_checkpoint(ckpt_path=str(SD1))[1].encode(PROMPT).shape == clip.encode(PROMPT).shape
    one = sd.load_clip([str(SD1)], clip_type=sd.CLIPType.STABLE_DIFFUSION)
    assert torch.equal(one.encode(PROMPT), clip.encode(PROMPT))


def test_a_diffusion_model_is_loaded_in_a_dtype(offered: Offered) -> None:
    sd = offered("comfy.sd")
    model = sd.load_diffusion_model(str(UNET), model_options={"dtype": torch.float8_e4m3fn})
    assert model.model_dtype() == torch.float8_e4m3fn
    assert sd.load_unet(str(UNET)).model_dtype() == torch.float16
    file = read_model_file(UNET, "a diffusion model")
    known = sd.load_diffusion_model_state_dict(dict(file.weights), metadata=dict(file.metadata))
    assert known.model_dtype() == torch.float16
    assert sd.load_unet_state_dict({"lora_unet_x.alpha": torch.ones(1)}) is None


def test_weights_of_text_encoders_make_a_clip(offered: Offered) -> None:
    sd = offered("comfy.sd")
    weights = load_file(XL)
    parts = [
        {name: tensor for name, tensor in weights.items() if name.startswith(f"conditioner.embedders.{number}.")}
        for number in (0, 1)
    ]
    clip = sd.load_text_encoder_state_dicts(parts, clip_type=sd.CLIPType.STABLE_DIFFUSION)
    assert sorted(clip.tokenize("x")) == ["g", "l"]
    alone = sd.load_text_encoder_state_dicts(parts[1:])
    assert isinstance(alone.cond_stage_model, offered("comfy.sdxl_clip").SDXLRefinerClipModel)
    assert offered("comfy.text_encoders.sd2_clip").SD2ClipModel


def test_prompts_may_be_taken_apart_by_hand(offered: Offered, clip: Any) -> None:
    sd1_clip = offered("comfy.sd1_clip")
    special = clip.cond_stage_model.clip_g.special_tokens
    assert sd1_clip.gen_empty_tokens(special, 77) == [pair[0] for pair in clip.tokenize("")["g"][0]]
    escaped = sd1_clip.escape_important("a \\(b\\) (c:1.2) (d)")
    parts = [(sd1_clip.unescape_important(text), weight) for text, weight in sd1_clip.token_weights(escaped, 2.0)]
    assert parts == [("a (b) ", 2.0), ("c", 1.2), (" ", 2.0), ("d", pytest.approx(2.2))]
