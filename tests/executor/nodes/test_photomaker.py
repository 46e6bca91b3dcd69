"""The nodes that put a person from a picture into a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from services.errors import NotFound
from services.executor import environment
from services.executor.diffusion import clip_pictures
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.clip_vision import clip_vision
from services.executor.model_folders import ModelFolders
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.photomaker import PhotoMakerEncode, PhotoMakerLoader
from tests.executor.diffusion.golden import GOLDEN

VISION = load_file(GOLDEN / "models" / "clip_vision" / "cv_small.safetensors")
CONTEXT = 48  # width of the tokens of the small Stable Diffusion XL: 24 of each projection


class Fusion(nn.Module):
    """The published fuse module, by torch's own layers."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp1, self.mlp2 = self._perceptron(CONTEXT * 2), self._perceptron(CONTEXT)
        self.layer_norm = nn.LayerNorm(CONTEXT)

    @staticmethod
    def _perceptron(width: int) -> nn.ModuleDict:
        parts = {"layernorm": nn.LayerNorm(width), "fc1": nn.Linear(width, CONTEXT), "fc2": nn.Linear(CONTEXT, CONTEXT)}
        return nn.ModuleDict(parts)

    @staticmethod
    def _run(mlp: nn.ModuleDict, hidden: Tensor) -> Tensor:
        out: Tensor = mlp["fc2"](nn.functional.gelu(mlp["fc1"](mlp["layernorm"](hidden))))
        return out

    def forward(self, words: Tensor, seen: Tensor) -> Tensor:
        first = self._run(self.mlp1, torch.cat([words, seen], dim=-1)) + words
        out: Tensor = self.layer_norm(self._run(self.mlp2, first) + first)
        return out


torch.manual_seed(0)
FUSION = Fusion()
SECOND = torch.randn(24, 32) * 0.1
ENCODER: dict[str, Tensor] = {
    **VISION,
    "visual_projection_2.weight": SECOND,
    **{f"fuse_module.{name}": weight for name, weight in FUSION.state_dict().items()},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "photomaker"
    folder.mkdir()
    torch.save({"id_encoder": ENCODER, "lora_weights": {"up": torch.ones(1)}}, folder / "photomaker.bin")
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path, GOLDEN / "models"))))
    with torch.inference_mode():
        yield folder
    environment.install(before)


@pytest.fixture
def clip() -> Any:
    return CheckpointLoaderSimple().load_checkpoint("sdxl_small.safetensors")[1]


def encoded(clip: Any, text: str, pictures: Tensor, name: str = "photomaker.bin") -> tuple[Tensor, Tensor]:
    (model,) = PhotoMakerLoader().execute(name)
    (((embedding, options),),) = PhotoMakerEncode().execute(model, pictures, clip, text)
    return embedding, options["pooled_output"]


def seen(pictures: Tensor) -> Tensor:
    """Both embeddings of pictures; the file does not say how many heads the small encoder has, its width does."""
    one, other = dict(VISION), {**VISION, "visual_projection.weight": SECOND}
    pixels = clip_pictures.prepared(pictures, 56)
    return torch.cat([clip_vision(weights)(pixels).image_embeds for weights in (one, other)], dim=-1)


def test_the_word_before_the_trigger_takes_on_what_the_picture_shows(clip: Any) -> None:
    picture = torch.rand(1, 60, 80, 3)
    embedding, pooled = encoded(clip, "a portrait of a man photomaker in a red hat", picture)
    plain, plain_pooled = clip.encode_from_tokens(clip.tokenize("a portrait of a man in a red hat"), return_pooled=True)
    place = 5  # the start, then: a, portrait, of, a, man
    others = [*range(place), *range(place + 1, 77)]
    assert torch.equal(embedding[:, others], plain[:, others])
    assert torch.equal(pooled, plain_pooled)
    torch.testing.assert_close(embedding[:, place], FUSION(plain[:, place], seen(picture)), rtol=1e-4, atol=1e-5)


def test_each_picture_has_a_word_of_its_own(clip: Any) -> None:
    pictures = torch.rand(2, 60, 80, 3)
    embedding, _ = encoded(clip, "photo of man photomaker smiling", pictures)
    plain = clip.encode("photo of man man smiling")
    torch.testing.assert_close(embedding[0, 3:5], FUSION(plain[0, 3:5], seen(pictures)), rtol=1e-4, atol=1e-5)
    assert torch.equal(embedding[:, 5:], plain[:, 5:])


def test_words_far_into_a_prompt_are_found_in_their_chunk(clip: Any) -> None:
    embedding, _ = encoded(clip, "cat " * 99 + "man photomaker", torch.rand(1, 20, 20, 3))
    plain = clip.encode("cat " * 99 + "man")
    changed = (embedding != plain).any(dim=-1)[0].nonzero().flatten()
    assert changed.tolist() == [77 + 25], "100 words, 75 of them in the first chunk"


def test_a_text_without_the_trigger_is_the_text(clip: Any) -> None:
    embedding, _ = encoded(clip, "photo of a man", torch.rand(1, 20, 20, 3))
    assert torch.equal(embedding, clip.encode("photo of a man"))


def test_the_names_of_a_safetensors_file_say_where_the_encoder_is(folder: Path, clip: Any) -> None:
    save_file({f"id_encoder.{name}": weight for name, weight in ENCODER.items()}, folder / "photomaker.safetensors")
    picture = torch.rand(1, 20, 20, 3)
    one, other = (encoded(clip, "a man photomaker", picture, f"photomaker.{kind}") for kind in ("bin", "safetensors"))
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=1e-4)  # where weights lie in memory changes the rounding


@pytest.mark.parametrize("text", ["photomaker", " photomaker in a hat"])
def test_a_trigger_without_a_word_is_refused(clip: Any, text: str) -> None:
    with pytest.raises(ValueError, match="^text: the word for the person"):
        encoded(clip, text, torch.rand(1, 20, 20, 3))


def test_another_models_text_encoder_is_refused_with_both_widths() -> None:
    _, clip, _ = CheckpointLoaderSimple().load_checkpoint("sd15_small.safetensors")
    with pytest.raises(ValueError, match="^clip: its tokens are 24 wide.* of 48"):
        encoded(clip, "a man photomaker", torch.rand(1, 20, 20, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"id_encoder": VISION}, "no PhotoMaker model; it looks like a CLIP vision model"),
        ({}, "its weights are of nothing"),
        ({**ENCODER, "visual_projection_2.weight": torch.ones(8, 32)}, r"mlp1\.layernorm\.weight has the shape \[96\]"),
        ({n: w for n, w in ENCODER.items() if n != "visual_projection.weight"}, "visual_projection.weight is missing"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name_and_content(
    folder: Path, content: Any, message: str
) -> None:
    torch.save(content, folder / "other.bin")
    with pytest.raises(CheckpointError, match=f"other.bin.*{message}"):
        PhotoMakerLoader().execute("other.bin")


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotFound, match=r"gone\.bin"):
        PhotoMakerLoader().execute("gone.bin")
