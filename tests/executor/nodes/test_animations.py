"""Nodes that store batches of pictures as animations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image, ImageSequence
from torch import Tensor

from services.errors import InvalidArgument
from services.executor.nodes.animations import SaveAnimatedPNG, SaveAnimatedWEBP
from tests.executor.nodes.conftest import Surroundings
from tests.executor.nodes.test_saving import chunks_of

PROMPT = {"1": {"class_type": "EmptyImage", "inputs": {"text": "é"}}}
FRAMES = (torch.tensor([0.0, 100.0, 200.0]) / 255).reshape(3, 1, 1, 1).expand(3, 4, 6, 3)


def save_webp(images: Tensor, prefix: str = "anim", fps: float = 10.0, **options: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = {"lossless": True, "quality": 80, "method": "fastest"} | options
    answer: dict[str, Any] = SaveAnimatedWEBP().save_images(images, fps, prefix, **chosen)["ui"]
    return answer


def save_png(images: Tensor, fps: float = 10.0, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = SaveAnimatedPNG().save_images(images, fps, 4, "anim", **options)["ui"]
    return answer


def frames_of(path: Path) -> list[tuple[int, float]]:
    """The shade and the duration (ms) of each frame."""
    with Image.open(path) as picture:
        return [
            (int(numpy.asarray(frame.convert("RGB"))[1, 2, 1]), float(frame.info["duration"]))
            for frame in ImageSequence.Iterator(picture)
        ]


def test_a_batch_becomes_an_animated_webp(surroundings: Surroundings) -> None:
    answer = save_webp(FRAMES, "deep/anim")
    assert answer == {
        "images": [{"filename": "anim_00001_.webp", "subfolder": "deep", "type": "output"}],
        "animated": (True,),
    }
    assert frames_of(surroundings.folder / "output/deep/anim_00001_.webp") == [(0, 100.0), (100, 100.0), (200, 100.0)]


def test_a_single_picture_is_no_animation_but_an_apng_says_it_is(surroundings: Surroundings) -> None:
    assert save_webp(FRAMES[:1])["animated"] == (False,)
    assert save_png(FRAMES[:1])["animated"] == (True,)


def test_a_batch_becomes_an_animated_png(surroundings: Surroundings) -> None:
    answer = save_png(FRAMES, fps=4.0)
    assert answer["images"] == [{"filename": "anim_00001_.png", "subfolder": "", "type": "output"}]
    assert frames_of(surroundings.folder / "output/anim_00001_.png") == [(0, 250.0), (100, 250.0), (200, 250.0)]


def test_the_workflow_is_in_an_apng_as_comfyui_writes_it(surroundings: Surroundings) -> None:
    save_png(FRAMES[:1], prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}, "schlüssel": 1})
    chunks = chunks_of(surroundings.folder / "output/anim_00001_.png")
    assert [kind for kind, _ in chunks] == ["IHDR", "IDAT", "comf", "comf", "IEND"]
    assert [data.decode() for kind, data in chunks if kind == "comf"] == [
        f"prompt\0{json.dumps(PROMPT)}",
        'workflow\0{"nodes": []}',
    ]


def test_the_workflow_is_in_a_webp_as_comfyui_writes_it(surroundings: Surroundings) -> None:
    save_webp(FRAMES, prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}, "other": 1})
    with Image.open(surroundings.folder / "output/anim_00001_.webp") as picture:
        exif = picture.getexif()
    assert exif[0x0110] == f"prompt:{json.dumps(PROMPT)}"
    assert exif[0x010F] == 'workflow:{"nodes": []}'
    assert exif[0x010E] == "other:1"


def test_losses_make_a_webp_smaller(surroundings: Surroundings) -> None:
    noise = torch.rand(2, 32, 32, 3)
    save_webp(noise, "exact")
    save_webp(noise, "rough", lossless=False, quality=10)
    folder = surroundings.folder / "output"
    assert (folder / "rough_00001_.webp").stat().st_size < (folder / "exact_00001_.webp").stat().st_size / 2


def test_what_cannot_be_stored_is_named(surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="images: the batch is empty"):
        save_png(FRAMES[:0])
    with pytest.raises(ValueError, match="images: WebP holds at most 16383 pixels a side"):
        save_webp(torch.zeros(1, 1, 1, 3).expand(1, 1, 16384, 3))
    with pytest.raises(ValueError, match="fps"):
        save_webp(FRAMES, fps=0.0)
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        save_webp(FRAMES, "../evil")
    assert not list(surroundings.folder.rglob("*.*"))
