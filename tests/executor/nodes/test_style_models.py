"""The nodes that let a picture speak beside a text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from services.errors import NotFound
from services.executor import environment
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.model_folders import ModelFolders
from services.executor.nodes.style_models import StyleModelApply, StyleModelLoader
from services.executor.patching.clip_vision import Output
from services.executor.patching.style_model import StyleModel
from tests.executor.diffusion.checkpoints.openclip import StyleAdapter
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

WIDTH, TOKENS, CONTEXT = 32, 3, 24


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "style_models"
    folder.mkdir()
    torch.manual_seed(0)
    save_file(StyleAdapter(WIDTH, 8, 2, TOKENS, CONTEXT).state_dict(), folder / "style.safetensors")
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path,))))
    yield folder
    environment.install(before)


@pytest.fixture
def style() -> StyleModel:
    return StyleModelLoader().load_style_model("style.safetensors")[0]


def seen(pictures: int = 1, width: int = WIDTH) -> Output:
    output = Output()
    output.last_hidden_state = torch.randn(pictures, 17, width, generator=torch.Generator().manual_seed(1))
    return output


def text(tokens: int = 7, batch: int = 1, width: int = CONTEXT, **options: Any) -> list[list[Any]]:
    return [[torch.randn(batch, tokens, width), options]]


def applied(style: StyleModel, conditioning: Any, picture: Output, strength: float, how: str) -> tuple[Any, Any]:
    (((embedding, options),),) = StyleModelApply().apply_stylemodel(conditioning, style, picture, strength, how)
    return embedding, options


@torch.inference_mode()
def test_tokens_of_the_picture_stand_after_those_of_the_text(style: StyleModel) -> None:
    conditioning, picture = text(pooled_output=5), seen()
    embedding, options = applied(style, conditioning, picture, 0.5, "multiply")
    assert torch.equal(embedding[:, :7], conditioning[0][0])
    assert torch.equal(embedding[:, 7:], style.get_cond(picture) * 0.5)
    assert options == {"pooled_output": 5}


@torch.inference_mode()
def test_several_pictures_and_a_batch_of_texts_go_together(style: StyleModel) -> None:
    embedding, _ = applied(style, text(batch=2), seen(pictures=4), 1.0, "multiply")
    assert embedding.shape == (2, 7 + 4 * TOKENS, CONTEXT)


@torch.inference_mode()
def test_a_picture_changes_what_is_sampled(style: StyleModel, loaded: Loaded) -> None:
    prompt = loaded.conditioning("a red cat")
    (styled,) = StyleModelApply().apply_stylemodel(prompt, style, seen(), 1.0, "multiply")

    def denoised(conditioning: Any) -> torch.Tensor:
        x, sigma = torch.ones(1, 4, 16, 16), torch.tensor([2.0])
        result: torch.Tensor = loaded.model.model.apply_model(x, sigma, c_crossattn=conditioning[0][0])
        return result

    assert not torch.allclose(denoised(styled), denoised(prompt), atol=1e-3)


@torch.inference_mode()
def test_the_bias_gives_the_pictures_tokens_a_share_of_the_attention(style: StyleModel) -> None:
    conditioning = text()
    embedding, options = applied(style, conditioning, seen(), 0.25, "attn_bias")
    assert torch.equal(embedding[:, 7:], style.get_cond(seen()))
    mask = options["attention_mask"][0].float()
    assert mask.shape == (7 + TOKENS + 1,) * 2
    picture, others = slice(7, 7 + TOKENS), [*range(7), 7 + TOKENS]
    assert torch.allclose(mask[others, picture], torch.tensor(math.log(0.25)), atol=1e-3)
    assert mask[:, others].count_nonzero() == 0
    assert mask[picture].count_nonzero() == 0


@torch.inference_mode()
def test_a_mask_that_is_there_already_keeps_its_values(style: StyleModel) -> None:
    _, options = applied(style, text(), seen(), 0.25, "attn_bias")
    (once,) = StyleModelApply().apply_stylemodel(text(), style, seen(), 0.25, "attn_bias")
    _, twice = applied(style, once, seen(), 1.0, "multiply")
    before, after = options["attention_mask"], twice["attention_mask"]
    kept = [*range(7 + TOKENS), 7 + 2 * TOKENS]
    assert torch.equal(after[:, kept][:, :, kept], before)
    assert after[:, :, 7 + TOKENS : 7 + 2 * TOKENS].count_nonzero() == 0


def test_no_attention_at_all_is_a_bias_too(style: StyleModel) -> None:
    _, options = applied(style, text(), seen(), 0.0, "attn_bias")
    assert (options["attention_mask"][0, :7, 7 : 7 + TOKENS] == -math.inf).all()


@pytest.mark.parametrize(
    ("conditioning", "picture", "how", "message"),
    [
        (text(), seen(width=40), "multiply", "^clip_vision_output: .* 40 wide.* 32"),
        (text(width=48), seen(), "multiply", "^style_model: .* 24 wide .* 48"),
        (text(), seen(), "add", "^strength_type: 'add' is not one of multiply, attn_bias"),
    ],
)
def test_parts_of_several_families_are_refused(
    style: StyleModel, conditioning: Any, picture: Output, how: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        StyleModelApply().apply_stylemodel(conditioning, style, picture, 1.0, how)


def test_a_file_that_is_none_or_not_there_is_refused_by_name(folder: Path) -> None:
    (folder / "page.safetensors").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(CheckpointError, match="^page.safetensors is a web page"):
        StyleModelLoader().load_style_model("page.safetensors")
    with pytest.raises(NotFound, match="gone.pth"):
        StyleModelLoader().load_style_model("gone.pth")
