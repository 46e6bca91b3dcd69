"""Checkpoints of real size with random weights: the layouts of Stable Diffusion 1.5 and XL, for measuring."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import nn

from bench.sizes import SD15, SDXL
from services.executor.diffusion.models.clip_text import ClipText, ClipTextSpec
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.vae import Vae, VaeSpec

Shapes = dict[str, tuple[int, ...]]

#: Random numbers are made once and repeated: what a file holds does not matter, that it is no zeros does.
_REPEATED = 1 << 20

VAE = VaeSpec(128, (1, 2, 4, 4), 2)
CLIP_L = ClipTextSpec(768, 3072, 12, 12)


def sd15_shapes() -> Shapes:
    """The weights of Stable Diffusion 1.5 by name."""
    return {
        **_shapes(UNet, SD15.spec, "model.diffusion_model."),
        **_shapes(Vae, VAE, "first_stage_model."),
        **_shapes(ClipText, CLIP_L, "cond_stage_model.transformer."),
    }


def sdxl_shapes() -> Shapes:
    """The weights of Stable Diffusion XL by name."""
    return {
        **_shapes(UNet, SDXL.spec, "model.diffusion_model."),
        **_shapes(Vae, VAE, "first_stage_model."),
        **_shapes(ClipText, CLIP_L, "conditioner.embedders.0.transformer."),
        **dict(_openclip(1280, 32, "conditioner.embedders.1.model.")),
    }


def write(path: Path, shapes: Shapes, dtype: torch.dtype) -> None:
    """Write a safetensors file of random weights that keep activations of one size; normalisations change nothing."""
    name = {torch.float16: "F16", torch.float32: "F32", torch.bfloat16: "BF16"}[dtype]
    header: dict[str, Mapping[str, object]] = {}
    end = 0
    for key, shape in shapes.items():
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        header[key] = {"dtype": name, "shape": shape, "data_offsets": (begin, end)}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    numbers = torch.randn(_REPEATED, generator=torch.Generator().manual_seed(0)) * 0.02
    part, ones = (_bytes(values.to(dtype)) for values in (numbers, torch.ones(_REPEATED)))
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for key, shape in shapes.items():
            repeated = ones if len(shape) == 1 and key.endswith("weight") else part
            size = math.prod(shape) * dtype.itemsize
            for begin in range(0, size, len(repeated)):
                file.write(repeated[: size - begin])


def _bytes(values: torch.Tensor) -> bytes:
    return bytes(values.view(torch.uint8).numpy())


def _shapes(module: type[nn.Module], spec: object, prefix: str) -> Shapes:
    with torch.device("meta"):
        made = module(spec)
    return {prefix + name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}


def _openclip(width: int, layers: int, prefix: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{prefix}token_embedding.weight", (49408, width)
    yield f"{prefix}positional_embedding", (77, width)
    yield f"{prefix}text_projection", (width, width)
    yield f"{prefix}ln_final.weight", (width,)
    yield f"{prefix}ln_final.bias", (width,)
    sizes = {
        "ln_1": (width,),
        "ln_2": (width,),
        "attn.out_proj": (width, width),
        "mlp.c_fc": (width * 4, width),
        "mlp.c_proj": (width, width * 4),
    }
    for number in range(layers):
        layer = f"{prefix}transformer.resblocks.{number}."
        yield f"{layer}attn.in_proj_weight", (width * 3, width)
        yield f"{layer}attn.in_proj_bias", (width * 3,)
        for name, size in sizes.items():
            yield f"{layer}{name}.weight", size
            yield f"{layer}{name}.bias", size[:1]
