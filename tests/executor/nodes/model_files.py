"""Files of small models, in every layout that there is, and the folder that nodes find them in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor import environment
from services.executor.diffusion.adapters.unet_names import diffusers_names, renamed
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.diffusion.checkpoints.weights_file import ModelFile, read_model_file
from services.executor.model_folders import ModelFolders
from tests.executor.diffusion.golden import GOLDEN

UNET, VAE = "model.diffusion_model.", "first_stage_model."
HEADS = {f"clip_{name}": {"num_attention_heads": 2} for name in "lhg"}
PROMPT = "a (red:1.3) cat"
Weights = dict[str, Tensor]
Put = Callable[..., str]


@cache
def golden() -> ModelFile:
    """A whole small checkpoint."""
    return read_model_file(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors", "a checkpoint")


def part(prefix: str) -> Weights:
    """A part of it, without what its names begin with."""
    return {n.removeprefix(prefix): t for n, t in golden().weights.items() if n.startswith(prefix)}


@pytest.fixture
def put(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Puts a file into a folder of models; returns its name."""
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path,))))

    def putting(folder: str, name: str, weights: Weights, configuration: dict[str, Any] | None = None) -> str:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            told = golden().configuration if configuration is None else configuration
            metadata = {CONFIGURATION_KEY: json.dumps(told)}
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path, metadata)
        else:
            torch.save(weights, path)
        environment.environment().refresh()
        return name

    with torch.inference_mode():
        yield putting
    environment.install(before)


def predicted(model: Any) -> Tensor:
    """What a diffusion model makes of a latent."""
    drawn = torch.Generator().manual_seed(3)
    latent, text = torch.randn(1, 4, 8, 16, generator=drawn), torch.randn(1, 7, 24, generator=drawn)
    denoised: Tensor = model.patched().apply_model(latent, torch.tensor([3.0]), c_crossattn=text)
    return denoised


def assert_same(found: Tensor, expected: Tensor) -> None:
    """Refuse anything but what the order of a sum may change."""
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def unet_in_diffusers(weights: Weights, configuration: dict[str, Any]) -> Weights:
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    names = diffusers_names(unet_spec(shapes, configuration))
    return {renamed(name, names) or "": tensor for name, tensor in weights.items()}


def golden_whole() -> Weights:
    return dict(golden().weights)


def vae_in_diffusers(weights: Weights, older: bool = False) -> Weights:
    """The weights under the names that diffusers gives them, by rules of our own."""
    attention = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
    if older:
        attention = {"norm": "group_norm", "q": "query", "k": "key", "v": "value", "proj_out": "proj_attn"}
    levels = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("decoder.up."))
    named = {}
    for name, tensor in weights.items():
        if name.startswith("decoder.up."):
            _, _, level, rest = name.split(".", 3)
            name = f"decoder.up_blocks.{levels - 1 - int(level)}.{rest}"
        name = re.sub(r"^encoder\.down\.", "encoder.down_blocks.", name)
        name = re.sub(r"\.block\.(\d+)\.", r".resnets.\1.", name)
        name = re.sub(r"\.(down|up)sample\.", r".\1samplers.0.", name)
        name = re.sub(r"\.mid\.block_(\d)\.", lambda match: f".mid_block.resnets.{int(match[1]) - 1}.", name)
        name = name.replace("nin_shortcut", "conv_shortcut").replace("norm_out", "conv_norm_out")
        if match := re.match(r"(.+)\.mid\.attn_1\.(\w+)\.(\w+)", name):
            name = f"{match[1]}.mid_block.attentions.0.{attention[match[2]]}.{match[3]}"
            tensor = tensor[:, :, 0, 0] if tensor.dim() == 4 else tensor
        named[name] = tensor
    return named
