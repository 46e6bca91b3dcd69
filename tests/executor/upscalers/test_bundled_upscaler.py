"""The upscaler that comes with the product beats resizing: its pictures are closer to the truth, and sharper."""

from __future__ import annotations

import math
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

import services.executor.bundled
from services.executor.upscalers import UpscaleModel, load_upscaler

FILE = Path(services.executor.bundled.__path__[0]) / "upscale_models" / "realesr-animevideov3-x4.safetensors"
LARGEST = 1_300_000  # bytes
SIDE, SCALE = 64, 4
SMOOTHING = 3  # pixels drawn along one side of a pixel
GAIN = 1.0  # decibels


@pytest.fixture(scope="module")
def model() -> UpscaleModel:
    return load_upscaler(FILE)


def drawing() -> Image.Image:
    """Shapes, outlines and thin lines at the size that is wanted in the end."""
    side = SIDE * SCALE * SMOOTHING
    unit = side / 128
    picture = Image.new("RGB", (side, side), (250, 220, 120))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 85 * unit, side, side], fill=(70, 140, 70))
    draw.ellipse([20 * unit, 20 * unit, 60 * unit, 60 * unit], (220, 40, 50), (20, 20, 20), width=round(2 * unit))
    draw.polygon([(75 * unit, 80 * unit), (95 * unit, 30 * unit), (117 * unit, 75 * unit)], fill=(40, 80, 200))
    for line in range(6):
        draw.line(
            [(5 + 20 * line) * unit, 125 * unit, (15 + 20 * line) * unit, 90 * unit], (20, 20, 20), round(2 * unit)
        )
    return picture.resize((SIDE * SCALE, SIDE * SCALE), Image.Resampling.LANCZOS)


def pixels(picture: Image.Image) -> Tensor:
    return torch.from_numpy(numpy.asarray(picture, numpy.float32) / 255).movedim(-1, 0)[None]


def decibels(found: Tensor, truth: Tensor) -> float:
    """The peak signal-to-noise ratio."""
    return -10 * math.log10(float((found - truth).square().mean()))


def sharpness(picture: Tensor) -> float:
    """How steep it is where it is steepest."""
    return float((picture[..., 1:] - picture[..., :-1]).abs().flatten().quantile(0.99))


def test_it_is_small() -> None:
    assert FILE.stat().st_size < LARGEST


def test_it_says_what_it_is(model: UpscaleModel) -> None:
    assert (model.architecture.name, model.scale, model.purpose) == ("RealESRGAN Compact", SCALE, "SR")


def test_its_pictures_are_closer_to_the_truth_and_sharper_than_resized_ones(model: UpscaleModel) -> None:
    wanted = drawing()
    small = wanted.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    truth, resized = pixels(wanted), pixels(small.resize(wanted.size, Image.Resampling.BICUBIC))
    enlarged = model(pixels(small))
    assert decibels(enlarged, truth) > decibels(resized, truth) + GAIN
    assert sharpness(resized) < sharpness(enlarged) <= sharpness(truth)


def test_a_plain_picture_stays_plain(model: UpscaleModel) -> None:
    colour = torch.tensor([0.8, 0.3, 0.5]).view(1, 3, 1, 1)
    assert float((model(colour.expand(1, 3, 24, 24)) - colour).abs().max()) < 0.06
