"""Files of upscalers: how they name their weights, what they are wrapped in, and what is no upscaler."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.upscalers import load_upscaler
from tests.executor.upscalers.test_recorded_architectures import CASES
from tests.executor.upscalers.weights import picture, waves

NUMBERED = waves(CASES["esrgan_x4"]["shapes"])
COMPACT = waves(CASES["compact_x4"]["shapes"])
#: Names of ESRGAN's numbered sequence to those of the second releases.
SECOND = {
    "model.0.": "conv_first.",
    "model.1.sub.2.": "trunk_conv.",
    "model.3.": "upconv1.",
    "model.6.": "upconv2.",
    "model.8.": "HRconv.",
    "model.10.": "conv_last.",
}


def in_capitals(name: str) -> str:
    name = re.sub(r"model\.1\.sub\.(\d)\.(RDB\d\.conv\d)\.0", r"RRDB_trunk.\1.\2", name)
    return next((new + name.removeprefix(old) for old, new in SECOND.items() if name.startswith(old)), name)


def as_today(name: str) -> str:
    name = in_capitals(name).replace("RRDB_trunk", "body").replace("RDB", "rdb").replace("trunk_conv", "conv_body")
    return name.replace("upconv", "conv_up").replace("HRconv", "conv_hr")


@pytest.mark.parametrize("renamed", [in_capitals, as_today])
def test_all_names_that_esrgan_has_had_mean_the_same(renamed: Callable[[str], str], tmp_path: Path) -> None:
    save_file(NUMBERED, tmp_path / "first.safetensors")
    save_file({renamed(name): tensor for name, tensor in NUMBERED.items()}, tmp_path / "other.safetensors")
    first, other = load_upscaler(tmp_path / "first.safetensors"), load_upscaler(tmp_path / "other.safetensors")
    assert torch.equal(first(picture(3, 8, 8)), other(picture(3, 8, 8)))
    assert other.scale == 4


@pytest.mark.parametrize(
    "wrapped",
    [
        {"params": {"junk": torch.ones(1)}, "params_ema": COMPACT},
        {"params": COMPACT},
        {"state_dict": COMPACT, "epoch": 7},
        {"model_state_dict": {f"module.{name}": tensor for name, tensor in COMPACT.items()}},
        {f"module.netG.{name}": tensor for name, tensor in COMPACT.items()},
        COMPACT,
    ],
    ids=["average", "params", "state_dict", "parallel", "generator", "bare"],
)
def test_what_trainers_wrap_weights_in_is_taken_off(wrapped: dict[str, Any], tmp_path: Path) -> None:
    torch.save(wrapped, tmp_path / "model.pth")
    save_file(COMPACT, tmp_path / "model.safetensors")
    expected = load_upscaler(tmp_path / "model.safetensors")
    assert torch.equal(load_upscaler(tmp_path / "model.pth")(picture(3, 8, 8)), expected(picture(3, 8, 8)))


def test_half_precision_files_compute_in_single(tmp_path: Path) -> None:
    save_file({name: tensor.half() for name, tensor in COMPACT.items()}, tmp_path / "half.safetensors")
    model = load_upscaler(tmp_path / "half.safetensors")
    assert model.dtype == torch.float32
    assert model.half().dtype == torch.float16
    assert model.to("cpu").float().device == torch.device("cpu")


class Surprise:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return Exception, ("it ran",)


def without(name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in COMPACT.items() if key != name}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("page.safetensors", b"<!DOCTYPE html>", "is a web page"),
        ("short.safetensors", save(COMPACT)[:-8], "is truncated"),
        ("code.pth", pickle.dumps(Surprise(), protocol=2), "is not an upscale model: "),
        ("list.pth", pickle.dumps([1, 2], protocol=2), "is not an upscale model"),
        ("empty.safetensors", save({}), "of a known architecture .*nothing"),
        ("other.safetensors", save({"lora_unet.alpha": torch.ones(1)}), r"of a known architecture .*lora_unet"),
        ("lacking.safetensors", save(without("body.2.bias")), "looks like .*, but the weight body.2.bias is missing"),
        ("more.safetensors", save({**COMPACT, "extra": torch.ones(1)}), "1 of its weights have no place there, extra"),
        (
            "odd.safetensors",
            save({**COMPACT, "body.8.weight": torch.ones(7, 6, 3, 3)}),
            "7 channels cannot be shuffled",
        ),
        ("flat.safetensors", save({**COMPACT, "body.0.weight": torch.ones(6)}), "shape \\[6\\]"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.endswith((".pth", ".safetensors")) else "",
)
def test_a_file_that_is_none_is_named_with_what_it_holds(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"^{name} .*{told}"):
        load_upscaler(tmp_path / name)


@pytest.mark.parametrize(
    ("farthest", "told"), [(1e9, "is not of windows of 1000000001x"), (float("nan"), "do not fit")]
)
def test_sizes_that_a_file_makes_up_are_not_believed(farthest: float, told: str, tmp_path: Path) -> None:
    positions = "layers.0.blocks.0.attn.attns.0.rpe_biases"
    weights = waves(CASES["dat_x4"]["shapes"]) | {positions: torch.full((21, 2), farthest)}
    save_file(weights, tmp_path / "vast.safetensors")
    with pytest.raises(CheckpointError, match=rf"^vast\.safetensors looks like DAT, but .*{told}"):
        load_upscaler(tmp_path / "vast.safetensors")
