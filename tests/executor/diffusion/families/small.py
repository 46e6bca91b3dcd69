"""Small random models of every family, as checkpoint files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from services.executor.diffusion.checkpoints.network import UNET_PREFIX
from tests.executor.diffusion.families.published import Structure, random_weights

_FOUR = Structure(((1,), (1,), (0,)), 1, ((0, 0), (1, 1), (1, 1)), (1, 1, 2), channels=64, context=32)
_XL = Structure(((0,), (1,), (2,)), 2, ((2, 2), (1, 1), (0, 0)), (1, 1, 2), channels=64, context=48, vector=32 + 1536)

SMALL = {
    "sd1": replace(_FOUR, linear=False),
    "sd1-inpainting": replace(_FOUR, linear=False, in_channels=9),
    "sd1-editing": replace(_FOUR, linear=False, in_channels=8),
    "sd2": _FOUR,
    "sd2-inpainting": replace(_FOUR, in_channels=9),
    "sd2-depth": replace(_FOUR, in_channels=5),
    "sd2-unclip": replace(_FOUR, vector=64),
    "upscaler": replace(
        _FOUR, depths=((0,), (1,), (1,)), up_depths=((1, 1), (1, 1), (0, 0)), in_channels=7, classes=1000, blind=(64,)
    ),
    "sdxl": _XL,
    "sdxl-inpainting": replace(_XL, in_channels=9),
    "sdxl-editing": replace(_XL, in_channels=8),
    "sdxl-pruned": replace(_XL, middle=-1, up_depths=((1, 2), (0, 1), (0, 0))),
    "sdxl-without-middle": replace(_XL, middle=-2),
    "sdxl-refiner": replace(_XL, context=32, vector=32 + 1280),
}
POOLED = 32
"""Width of the pooled text of those that want some."""


def saved(
    name: str, folder: Path, markers: Mapping[str, Tensor] | None = None, metadata: dict[str, str] | None = None
) -> Path:
    """The file of a small model, with other weights beside its network."""
    path = folder / f"{name}.safetensors"
    save_file({**random_weights(SMALL[name], UNET_PREFIX), **(markers or {})}, path, metadata)
    return path
