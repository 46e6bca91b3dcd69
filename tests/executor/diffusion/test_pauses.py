"""Computations that take long can be ended between their parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from services.executor.diffusion.pauses import pause, pausing
from services.executor.diffusion.tiling import in_tiles
from services.executor.upscalers.reading import load_upscaler
from tests.executor.diffusion.golden import GOLDEN


@cache
def checkpoint() -> Checkpoint:
    return load_checkpoint(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")


UPSCALER = load_upscaler(GOLDEN / "models" / "upscale_models" / "esrgan_small.safetensors")


class Stop(BaseException):
    """Not an `Exception`, as an interruption is none."""


def tiled() -> None:
    in_tiles(torch.zeros(1, 1, 64, 64), lambda tile: tile, (16, 16), 4, scale=1, channels=1)


def predicted() -> None:
    model = checkpoint().model
    assert model
    context = torch.zeros(1, 77, model.unet.spec.context_dim)
    model.apply_model(torch.zeros(1, 4, 16, 16), torch.zeros(1), context)


def decoded() -> None:
    vae = checkpoint().vae
    assert vae
    vae.decode(torch.zeros(1, 4, 4, 4))


def encoded() -> None:
    vae = checkpoint().vae
    assert vae
    vae.encode(torch.zeros(1, 32, 32, 3))


def enlarged() -> None:
    UPSCALER(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize("computation", [tiled, predicted, decoded, encoded, enlarged])
@torch.inference_mode()
def test_a_long_computation_can_be_ended_between_its_parts(computation: Callable[[], None]) -> None:
    pauses = 0

    def at_pause() -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 3:
            raise Stop

    with pytest.raises(Stop), pausing(at_pause):
        computation()
    assert pauses == 3
    computation()
    assert pauses == 3


def test_without_anybody_who_waits_a_pause_is_nothing() -> None:
    pause()
    with pausing(lambda: None):
        pause()
