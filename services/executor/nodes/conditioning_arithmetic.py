"""Nodes that combine conditionings."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.declarations import given, number

log = logging.getLogger(__name__)

CONDITIONING = ("CONDITIONING",)
POOLED = "pooled_output"


class ConditioningCombine:
    """Two conditionings that both apply."""

    DISPLAY_NAME = "Conditioning (Combine)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "combine"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings."""
        return {"required": {"conditioning_1": CONDITIONING, "conditioning_2": CONDITIONING}}

    def combine(self, conditioning_1: Conditioning, conditioning_2: Conditioning) -> tuple[Conditioning]:
        """Return the entries of both; what they predict is averaged where they overlap.

        Raises:
            ValueError: one is missing.
        """
        return ([*given(conditioning_1, "conditioning_1"), *given(conditioning_2, "conditioning_2")],)


class ConditioningConcat:
    """Two texts as one longer text."""

    DISPLAY_NAME = "Conditioning (Concat)"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "concat"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings; of the second, the first entry."""
        return {"required": {"conditioning_to": CONDITIONING, "conditioning_from": CONDITIONING}}

    def concat(self, conditioning_to: Conditioning, conditioning_from: Conditioning) -> tuple[Conditioning]:
        """Return every entry of the first with the tokens of the second after its own.

        Raises:
            ValueError: one is missing, or the second is empty or made by another text encoder.
        """
        added, _ = _only_entry(conditioning_from)
        joined = []
        for embedding, options in given(conditioning_to, "conditioning_to"):
            _check_width(embedding, added)
            joined.append([torch.cat((embedding, added), dim=1), dict(options)])
        return (joined,)


class ConditioningAverage:
    """A conditioning between two."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "addWeighted"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings and the share of the first; of the second, the first entry."""
        return {
            "required": {
                "conditioning_to": CONDITIONING,
                "conditioning_from": CONDITIONING,
                "conditioning_to_strength": number(1.0, 0.0, 1.0, 0.01),
            }
        }

    def addWeighted(
        self, conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: float
    ) -> tuple[Conditioning]:
        """Return every entry of the first mixed with the second, cut or filled up with zeros to as many tokens.

        Raises:
            ValueError: one is missing, or the second is empty or made by another text encoder.
        """
        other, other_options = _only_entry(conditioning_from)
        other_pooled = other_options.get(POOLED)
        mixed = []
        for embedding, options in given(conditioning_to, "conditioning_to"):
            _check_width(embedding, other)
            fitted = _with_tokens(other, embedding.shape[1])
            changed = dict(options)
            if other_pooled is not None:
                pooled = options.get(POOLED)
                own = other_pooled if pooled is None else pooled
                changed[POOLED] = _mixed(own, other_pooled, conditioning_to_strength)
            mixed.append([_mixed(embedding, fitted, conditioning_to_strength), changed])
        return (mixed,)


class ConditioningZeroOut:
    """A conditioning that says nothing, unlike the one of an empty text."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "zero_out"
    CATEGORY = "advanced/conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning."""
        return {"required": {"conditioning": CONDITIONING}}

    def zero_out(self, conditioning: Conditioning) -> tuple[Conditioning]:
        """Return entries with zeros for embeddings; areas, masks and times stay.

        Raises:
            ValueError: there is no conditioning.
        """
        emptied = []
        for embedding, options in given(conditioning, "conditioning"):
            changed = dict(options)
            for name in (POOLED, "conditioning_lyrics"):
                if changed.get(name) is not None:
                    changed[name] = torch.zeros_like(changed[name])
            emptied.append([torch.zeros_like(embedding), changed])
        return (emptied,)


def _only_entry(conditioning: Conditioning) -> tuple[Tensor, dict[str, Any]]:
    if not conditioning:
        raise ValueError("conditioning_from: the conditioning is empty")
    if len(conditioning) > 1:
        log.warning("conditioning_from has %d entries, of which only the first is used", len(conditioning))
    embedding, options = conditioning[0]
    return embedding, options


def _check_width(embedding: Tensor, other: Tensor) -> None:
    if embedding.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"conditioning_from: its tokens have {other.shape[-1]} values and those of conditioning_to "
            f"{embedding.shape[-1]}, so they are for different models"
        )


def _with_tokens(embedding: Tensor, tokens: int) -> Tensor:
    missing = tokens - embedding.shape[1]
    if missing <= 0:
        return embedding[:, :tokens]
    return torch.cat((embedding, embedding.new_zeros(len(embedding), missing, embedding.shape[2])), dim=1)


def _mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    return one * share + other * (1.0 - share)


NODES: tuple[type, ...] = (ConditioningCombine, ConditioningConcat, ConditioningAverage, ConditioningZeroOut)
