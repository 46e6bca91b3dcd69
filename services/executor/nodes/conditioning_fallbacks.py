"""Nodes that say what applies where no other conditioning does."""

from __future__ import annotations

from typing import Any

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_properties import with_hooks
from services.executor.nodes.conditioning_regions import CONDITIONING, with_options

HOOKS = {"hooks": ("HOOKS",)}


def with_fallback(conditioning: Conditioning, fallback: Conditioning, hooks: object = None) -> Conditioning:
    """The conditioning, and after it what applies where it does not.

    Raises:
        ValueError: `hooks` are something else.
    """
    return [*conditioning, *with_options(with_hooks(fallback, hooks), default=True)]


class FallbackNode:
    """A node of fallbacks."""

    EXPERIMENTAL = True
    FUNCTION = "set_default_and_combine"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hooks"


class ConditioningSetDefaultCombine(FallbackNode):
    """A conditioning and what applies where it does not."""

    DISPLAY_NAME = "Cond Set Default Combine"
    RETURN_TYPES = ("CONDITIONING",)
    CATEGORY = "advanced/hooks/cond single"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning, the fallback, and hooks for this."""
        return {"required": {"cond": CONDITIONING, "cond_DEFAULT": CONDITIONING}, "optional": HOOKS}

    def set_default_and_combine(
        self, cond: Conditioning, cond_DEFAULT: Conditioning, hooks: object = None
    ) -> tuple[Conditioning]:
        """Return the entries of both.

        Raises:
            ValueError: `hooks` are something else.
        """
        return (with_fallback(cond, cond_DEFAULT, hooks),)


class PairConditioningSetDefaultCombine(FallbackNode):
    """A positive and a negative conditioning, and what applies where they do not."""

    DISPLAY_NAME = "Cond Pair Set Default Combine"
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    CATEGORY = "advanced/hooks/cond pair"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings, their fallbacks, and hooks for these."""
        names = ("positive", "negative", "positive_DEFAULT", "negative_DEFAULT")
        return {"required": dict.fromkeys(names, CONDITIONING), "optional": HOOKS}

    def set_default_and_combine(
        self,
        positive: Conditioning,
        negative: Conditioning,
        positive_DEFAULT: Conditioning,
        negative_DEFAULT: Conditioning,
        hooks: object = None,
    ) -> tuple[Conditioning, Conditioning]:
        """Return the entries of both positive and both negative ones.

        Raises:
            ValueError: `hooks` are something else.
        """
        return with_fallback(positive, positive_DEFAULT, hooks), with_fallback(negative, negative_DEFAULT, hooks)


NODES: tuple[type, ...] = (ConditioningSetDefaultCombine, PairConditioningSetDefaultCombine)
