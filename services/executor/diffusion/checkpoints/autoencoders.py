"""The autoencoder among a file's weights, in the layout of LDM or of diffusers, or a tiny one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.foreign import looks_like
from services.executor.diffusion.checkpoints.structure import Shapes, count, under
from services.executor.diffusion.checkpoints.taesd import is_taesd, taesd
from services.executor.diffusion.checkpoints.vae_structure import vae_spec
from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.diffusion.models.pixel_space import MARKER, PixelSpace
from services.executor.diffusion.models.vae import Vae

VAE_PREFIX = "first_stage_model."
PREFIXES = (VAE_PREFIX, "vae.", "")

_MARK = "decoder.conv_in.weight"
_DIFFUSERS_MARK = "encoder.down_blocks.0.resnets.0.norm1.weight"
_LEVEL = re.compile(r"(encoder\.down|decoder\.up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.+)")
_MIDDLE = re.compile(r"(encoder|decoder)\.mid_block\.(resnets|attentions)\.(\d+)\.(.+)")
_ATTENTION = {
    "group_norm": "norm",
    **{"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"},
    # What earlier versions of diffusers called them.
    **{"query": "q", "key": "k", "value": "v", "proj_attn": "proj_out"},
}


def autoencoder_prefix(shapes: Shapes) -> str | None:
    """What the names of an autoencoder's weights begin with, None when there is none among these."""
    return next((prefix for prefix in PREFIXES if prefix + _MARK in shapes), None)


def autoencoder(weights: Mapping[str, Tensor], configuration: Mapping[str, Any], prefix: str = "") -> Autoencoder:
    """The autoencoder whose weights are below a prefix.

    Raises:
        CheckpointError: there is none, or not all of it.
    """
    own = under(weights, prefix)
    if is_taesd(shapes_of(own)):
        return Autoencoder(taesd(own))
    if MARKER in own:
        return Autoencoder(PixelSpace())
    if _MARK not in own:
        raise CheckpointError(f"this is no autoencoder; {looks_like(shapes_of(own))}")
    if _DIFFUSERS_MARK in own:
        own = _from_diffusers(own)
    spec = vae_spec(shapes_of(own), configuration.get("vae", {}))
    with torch.device("meta"):
        vae = Vae(spec)
    return Autoencoder(filled(vae, own, prefix))


def _from_diffusers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    levels = count(shapes_of(weights), "decoder.up_blocks.")
    named = {}
    for name, tensor in weights.items():
        own = _in_ldm(name, levels)
        # Linear layers there are 1x1 convolutions here.
        is_linear = ".attn_1." in own and own.endswith(".weight") and tensor.dim() == 2
        named[own] = tensor[:, :, None, None] if is_linear else tensor
    return named


def _in_ldm(name: str, levels: int) -> str:
    if match := _LEVEL.fullmatch(name):
        side, level, kind, index, rest = match.groups()
        # The decoder's levels are counted from the outermost here, from the innermost there.
        number = levels - 1 - int(level) if side == "decoder.up" else int(level)
        if kind == "resnets":
            return f"{side}.{number}.block.{index}.{rest.replace('conv_shortcut', 'nin_shortcut')}"
        return f"{side}.{number}.{kind.removesuffix('rs')}.{rest}"
    if match := _MIDDLE.fullmatch(name):
        half, kind, index, rest = match.groups()
        if kind == "resnets":
            return f"{half}.mid.block_{int(index) + 1}.{rest}"
        part, _, parameter = rest.rpartition(".")
        return f"{half}.mid.attn_1.{_ATTENTION.get(part, part)}.{parameter}"
    return name.replace("conv_norm_out", "norm_out")
