"""Nodes that let a picture speak beside a text."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.style_models import load_style_network
from services.executor.diffusion.conditioning import Conditioning
from services.executor.environment import environment
from services.executor.nodes.declarations import given, number
from services.executor.patching.style_model import StyleModel

FOLDER = "style_models"
MULTIPLY, BIAS = "multiply", "attn_bias"

#: What is added to the attention between tokens, those of the text and then those of the latent; models whose tokens
#: are in one row (Flux) read it.
ATTENTION_MASK = "attention_mask"
#: Rows and columns of the latent's part of the mask, which is scaled to the latent.
MASKED_SHAPE = "attention_mask_img_shape"


class StyleModelLoader:
    """The style model in a file."""

    DISPLAY_NAME = "Load Style Model"
    RETURN_TYPES = ("STYLE_MODEL",)
    FUNCTION = "load_style_model"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The file's name."""
        return {"required": {"style_model_name": (environment().model_names(FOLDER),)}}

    def load_style_model(self, style_model_name: str) -> tuple[StyleModel]:
        """Return it.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no style model.
        """
        return (StyleModel(load_style_network(environment().models.path(FOLDER, style_model_name))),)


class StyleModelApply:
    """A conditioning with tokens of pictures after those of its text."""

    DISPLAY_NAME = "Apply Style Model"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "apply_stylemodel"
    CATEGORY = "conditioning/style_model"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the style model, what was seen in pictures, and how much these count in which way."""
        return {
            "required": {
                "conditioning": ("CONDITIONING",),
                "style_model": ("STYLE_MODEL",),
                "clip_vision_output": ("CLIP_VISION_OUTPUT",),
                "strength": number(1.0, 0.0, 10.0, 0.001),
                "strength_type": ([MULTIPLY, BIAS],),
            }
        }

    def apply_stylemodel(
        self,
        conditioning: Conditioning,
        style_model: Any,
        clip_vision_output: Any,
        strength: float,
        strength_type: str,
    ) -> tuple[Conditioning]:
        """Return the conditioning with the tokens.

        `multiply` scales them. `attn_bias` scales how much attention they get, which only models with text and latent
        in one row of tokens (Flux) can do; others take them as they are.

        Raises:
            ValueError: something is missing, what was seen, the style model and the text are not of one family, or
                the type is unknown.
        """
        if strength_type not in (MULTIPLY, BIAS):
            raise ValueError(f"strength_type: {strength_type!r} is not one of {MULTIPLY}, {BIAS}")
        seen = given(clip_vision_output, "clip_vision_output")
        tokens = given(style_model, "style_model").get_cond(seen).flatten(0, 1)[None]
        if strength_type == MULTIPLY:
            tokens = tokens * strength
        attention = strength if strength_type == BIAS else 1.0
        return (
            [
                _with_tokens(embedding, options, tokens, attention)
                for embedding, options in given(conditioning, "conditioning")
            ],
        )


def _with_tokens(embedding: Tensor, options: dict[str, Any], tokens: Tensor, attention: float) -> list[Any]:
    if embedding.shape[-1] != tokens.shape[-1]:
        raise ValueError(
            f"style_model: its tokens are {tokens.shape[-1]} wide and those of the text {embedding.shape[-1]}; "
            "it is for another family of models"
        )
    together = torch.cat([embedding, tokens.to(embedding).expand(len(embedding), -1, -1)], dim=1)
    if attention == 1.0 and ATTENTION_MASK not in options:
        return [together, dict(options)]
    shape = options.get(MASKED_SHAPE, (1, 1))
    mask = _with_bias(options.get(ATTENTION_MASK), embedding, shape[0] * shape[1], tokens.shape[1], attention)
    return [together, {**options, ATTENTION_MASK: mask, MASKED_SHAPE: shape}]


def _with_bias(mask: Tensor | None, embedding: Tensor, cells: int, added: int, attention: float) -> Tensor:
    """A mask (batch, tokens, tokens) with more tokens after those of the text, which get a share of the attention."""
    batch, text = embedding.shape[:2]
    before = torch.zeros(batch, text + cells, text + cells) if mask is None else mask
    if before.dtype == torch.bool:
        before = before.float().log()
    others = torch.cat([torch.arange(text), torch.arange(text, text + cells) + added])
    wider = torch.zeros(len(before), text + added + cells, text + added + cells)
    wider[:, others[:, None], others] = before.float().cpu()
    wider[:, others, text : text + added] = math.log(attention) if attention > 0 else -math.inf
    return wider.half()


NODES: tuple[type, ...] = (StyleModelLoader, StyleModelApply)
