"""The trainer: its parts on their own, and all stages for a few steps each."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.tokenizer import END_TOKEN, clip_bpe
from tools.train_tiny.captions import caption, known_words, plain_caption
from tools.train_tiny.check import agrees, read, tally
from tools.train_tiny.drawing import CELL, SIZE, coarse_pictures, draw, draw_anything, latents_of
from tools.train_tiny.scenes import COLOURS, SHAPES, Scene, random_scenes
from tools.train_tiny.text import NOTHING_TOLD, TOKENS, TextTrainer, Vocabulary, code

ROOT = Path(__file__).parents[2]


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_is_drawn_is_read_back() -> None:
    scenes = random_scenes(60, _generator())
    assert tally(scenes, draw(scenes, _generator()))["all"] == 1


def test_an_empty_picture_shows_its_background_alone() -> None:
    grey_free = torch.tensor([0.98, 0.98, 0.98])[:, None, None].expand(3, SIZE, SIZE)
    assert read(grey_free) == Scene(None, None, COLOURS.index("white"), None, None)


def test_a_picture_of_another_scene_disagrees() -> None:
    first = Scene(SHAPES.index("star"), COLOURS.index("red"), COLOURS.index("blue"), 0, 0)
    second = Scene(SHAPES.index("circle"), COLOURS.index("red"), COLOURS.index("blue"), 1, 0)
    seen = read(draw([second], _generator())[0])
    assert agrees(first, seen) == {"shape": False, "colour": True, "background": True, "place": False}


def test_objects_never_have_the_colour_of_their_background() -> None:
    assert all(scene.colour != scene.background for scene in random_scenes(1000, _generator()))


def test_latents_have_about_unit_variance_and_keep_the_colours() -> None:
    scenes = random_scenes(200, _generator())
    pictures = draw(scenes, _generator())
    latents = latents_of(pictures)
    assert latents.shape == (200, 4, SIZE // CELL, SIZE // CELL)
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 0.3
    assert float(latents.std(dim=(0, 2, 3)).min()) > 0.5
    assert float(latents.std(dim=(0, 2, 3)).max()) < 1.5
    means = torch.nn.functional.avg_pool2d(pictures, CELL)
    torch.testing.assert_close(coarse_pictures(latents), means, rtol=0, atol=1e-5)


def test_pictures_of_anything_stay_in_range() -> None:
    pictures = draw_anything(8, _generator())
    assert pictures.shape == (8, 3, SIZE, SIZE)
    assert float(pictures.min()) >= 0
    assert float(pictures.max()) <= 1


def test_captions_name_what_they_tell() -> None:
    rng = random.Random(1)
    for scene in random_scenes(300, _generator()):
        text, told = caption(scene, rng)
        words = text.split()
        assert told.colour is None or COLOURS[told.colour] in words
        assert told.background is None or COLOURS[told.background] in words
        assert told.shape is not None or not set(SHAPES) & set(words)


def test_captions_use_known_words_only() -> None:
    vocabulary = Vocabulary()
    rng = random.Random(2)
    for scene in random_scenes(300, _generator()):
        assert len(vocabulary.ids(caption(scene, rng)[0], rng)) == TOKENS


def test_no_two_known_words_are_spelled_alike() -> None:
    spellings = [tuple(clip_bpe().encode(word)) for word in known_words()]
    assert len(set(spellings)) == len(spellings)


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        (Scene(0, 0, 2, 0, 0), "a red circle on a blue background"),
        (Scene(3, 3, 9, -1, -1), "a yellow star at the top left on a black background"),
        (Scene(1, 1, 4, 1, 0), "a green square at the right on an orange background"),
    ],
)
def test_plain_captions_read_like_prompts(scene: Scene, text: str) -> None:
    assert plain_caption(scene) == text


def test_scenes_have_codes_of_their_own() -> None:
    codes = [tuple(code(scene).tolist()) for scene in set(random_scenes(500, _generator()))]
    assert len(set(codes)) == len(codes)
    nothing = code(Scene(None, None, None, None, None))
    assert nothing.nonzero().flatten().tolist() == [NOTHING_TOLD]


def test_the_settled_encoder_needs_no_vocabulary_of_its_own() -> None:
    torch.manual_seed(1)
    trainer = TextTrainer()
    trainer.settle()
    ids = torch.tensor([trainer.vocabulary.ids("a red ? circle , ? on a ? cyan background", random.Random(1))])
    ends = (ids == END_TOKEN).int().argmax(dim=1)
    assert len(set(ids[0].tolist()) - set(trainer.vocabulary.tokens)) >= 3
    with torch.no_grad():
        torch.testing.assert_close(trainer.encoder(trainer.encoder.embed(ids), ends).hidden, trainer(ids))


def test_all_stages_run_resume_and_write_a_checkpoint(tmp_path: Path) -> None:
    def train(steps: int) -> str:
        counts = [f"--{stage}-steps={steps}" for stage in ("text", "vae", "unet")]
        command = [sys.executable, "-m", "tools.train_tiny", "--out", str(tmp_path), "--pictures=250", "--measured=0"]
        done = subprocess.run([*command, *counts], cwd=ROOT, check=True, timeout=55, capture_output=True, text=True)
        return done.stdout

    train(1)
    assert "wrote" in train(2)
    checkpoint = load_checkpoint(tmp_path / "silverprint-tiny.safetensors")
    assert checkpoint.model is not None
    assert checkpoint.clip is not None
    assert checkpoint.vae is not None
    latents = checkpoint.vae.encode(torch.rand(1, SIZE, SIZE, 3))
    assert checkpoint.vae.decode(latents).shape == (1, SIZE, SIZE, 3)
    assert checkpoint.clip.encode("a red circle")[0][0].shape == (1, TOKENS, 64)
