"""Finding the text encoders in a file, whatever layout they are in, and what they are for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.clip_structure import clip_text_spec
from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.filling import filled, shapes_of
from services.executor.diffusion.checkpoints.openclip_names import transformer_weights
from services.executor.diffusion.checkpoints.structure import Shapes, count, under
from services.executor.diffusion.models.clip_text import ClipText
from services.executor.diffusion.text_encoding import EncoderUse, TextEncoder, TextEncoders
from services.executor.diffusion.text_families import SD1_L, SD2_H, SDXL_G, SDXL_L

CONDITIONERS = ("cond_stage_model.", "conditioner.embedders.")
"""What the names of a checkpoint's text encoders begin with."""
_SECOND_CONDITIONER = "conditioner.embedders.1."
_CONDITIONER = re.compile(r"cond_stage_model\.|conditioner\.embedders\.\d+\.")

_HUGGING_FACE = "text_model."
_TOKEN_TABLE = "embeddings.token_embedding.weight"
_OPENCLIP_TOKEN_TABLE = "token_embedding.weight"
_TOKEN_TABLES = (f"{_HUGGING_FACE}{_TOKEN_TABLE}", _TOKEN_TABLE, _OPENCLIP_TOKEN_TABLE)
OPENCLIP_NAMES = {
    "positional_embedding": "embeddings.position_embedding.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
}
PROJECTION = "text_projection"
_PROJECTION_WEIGHT = f"{PROJECTION}.weight"
_ALONE: Mapping[str, EncoderUse] = {"l": SD1_L, "h": SD2_H, "g": SDXL_G}
_G_LAYERS = 32
_H_LAYERS = 24
_H_LAYERS_IN_USE = 23
"""Files of Stable Diffusion 2 may leave out the last layer, whose hidden state is not used."""


def text_encoder_prefixes(shapes: Shapes) -> list[str]:
    """What the names of each text encoder in a file begin with, in the order of the names.

    A checkpoint that was merged of others may have the same encoder under several names; the most common one counts.
    """
    found = sorted(
        name.removesuffix(next(table for table in _TOKEN_TABLES if name.endswith(table)))
        for name in shapes
        if f".{name}".endswith(f".{_OPENCLIP_TOKEN_TABLE}")
    )
    return list({_place(prefix): prefix for prefix in found}.values())


def _place(prefix: str) -> str:
    match = _CONDITIONER.match(prefix)
    return match[0] if match else prefix


def encoder_parts(
    weights: Mapping[str, Tensor], configuration: Mapping[str, Any], within: str | tuple[str, ...] = ""
) -> list[EncoderPart]:
    """The text encoders in a file whose names begin with one of `within`."""
    prefixes = text_encoder_prefixes(shapes_of(weights))
    return [EncoderPart(weights, prefix, configuration) for prefix in prefixes if prefix.startswith(within)]


def text_encoders(parts: Sequence[EncoderPart]) -> TextEncoders:
    """The text encoders of a model: one, or the two of Stable Diffusion XL.

    Raises:
        CheckpointError: they are those of another family, or not whole.
    """
    match parts:
        case [alone]:
            return TextEncoders((alone.encoder(_ALONE[alone.kind]),))
        case [_, _]:
            first, second = sorted(parts, key=lambda part: part.kind != "l")
            if first.kind == "l" and second.may_be_g:
                return TextEncoders((first.encoder(SDXL_L), second.encoder(SDXL_G)))
    kinds = ", ".join(part.kind for part in parts) or "none"
    raise CheckpointError(f"text encoders ({kinds}) of no known family: it takes one, or CLIP's l and OpenCLIP's g")


class EncoderPart:
    """The weights of one text encoder in a file."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str, configuration: Mapping[str, Any]) -> None:
        own = under(weights, prefix)
        self._prefix = prefix
        self._layout = next(table for table in _TOKEN_TABLES if table in own)
        self._configuration = configuration
        # ComfyUI holds text encoders in fp16 and computes in float32; other roundings move every picture a little.
        self._weights = {
            name: tensor.half() for name, tensor in self._renamed(own).items() if tensor.is_floating_point()
        }

    def _renamed(self, own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if self._layout == _OPENCLIP_TOKEN_TABLE:
            return _from_openclip(own)
        if self._layout == _TOKEN_TABLE:
            return {name if name == _PROJECTION_WEIGHT else _HUGGING_FACE + name: own[name] for name in own}
        return own

    @property
    def kind(self) -> str:
        """Which of CLIP's encoders it is: "l", "h" or "g".

        The file may say so by having the configuration of one only; then how many layers there are tells, and of
        smaller ones than were ever published, where they stand.
        """
        configured = [kind for kind in _ALONE if f"clip_{kind}" in self._configuration]
        if len(configured) == 1:
            return configured[0]
        if self._layers >= _H_LAYERS_IN_USE:
            return "g" if self._layers >= _G_LAYERS else "h"
        if self._prefix.startswith(_SECOND_CONDITIONER):
            return "g"
        if self._layout == _OPENCLIP_TOKEN_TABLE:
            return "g" if self._prefix.startswith("conditioner.") else "h"
        return "l"

    @property
    def may_be_g(self) -> bool:
        """Whether it is the second encoder of Stable Diffusion XL where the first one is beside it."""
        return self.kind == "g" or (self.kind == "h" and self._layers < _H_LAYERS_IN_USE)

    @property
    def _layers(self) -> int:
        return count(shapes_of(self._weights), f"{_HUGGING_FACE}encoder.layers.")

    def encoder(self, use: EncoderUse) -> TextEncoder:
        """It, used in a way."""
        activation = "quick_gelu" if use.name == "l" else "gelu"
        spec = clip_text_spec(
            shapes_of(self._weights), self._configuration.get(f"clip_{use.name}", {}), activation=activation
        )
        if use is SD2_H and self._layers == _H_LAYERS_IN_USE:
            spec = replace(spec, omitted_layers=_H_LAYERS - _H_LAYERS_IN_USE)
        with torch.device("meta"):
            model = ClipText(spec)
        return TextEncoder(filled(model, self._weights, self._prefix), use)


def _from_openclip(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = {f"{_HUGGING_FACE}{OPENCLIP_NAMES[name]}": weights[name] for name in OPENCLIP_NAMES if name in weights}
    named |= {f"{_HUGGING_FACE}encoder.{name}": tensor for name, tensor in transformer_weights(weights)}
    if PROJECTION in weights:
        # A matrix that tokens are multiplied with, where a linear layer has its transpose.
        named[_PROJECTION_WEIGHT] = weights[PROJECTION].mT.contiguous()
    elif _PROJECTION_WEIGHT in weights:
        named[_PROJECTION_WEIGHT] = weights[_PROJECTION_WEIGHT]
    return named
