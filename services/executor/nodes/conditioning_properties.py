"""Nodes that give conditionings several properties at once, to a pair of them at the same time."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.conditioning_regions import BOUNDS, CONDITIONING, STRENGTH, with_mask, with_options
from services.executor.nodes.declarations import number
from services.executor.nodes.hooks import checked_hooks

TimestepsRange = tuple[float, float]

PROPERTIES = {"strength": STRENGTH, "set_cond_area": (BOUNDS,)}
OPTIONAL_PROPERTIES = {"mask": ("MASK",), "hooks": ("HOOKS",), "timesteps": ("TIMESTEPS_RANGE",)}


def with_properties(
    conditioning: Conditioning,
    strength: float,
    set_cond_area: str,
    mask: Tensor | None,
    hooks: object,
    timesteps: TimestepsRange | None,
) -> Conditioning:
    """The conditioning with those properties that are given; the strength is the mask's.

    Raises:
        ValueError: `hooks` are something else.
    """
    changed = conditioning if mask is None else with_mask(conditioning, mask, strength, set_cond_area)
    changed = with_hooks(changed, hooks)
    if timesteps is None:
        return changed
    return with_options(changed, start_percent=timesteps[0], end_percent=timesteps[1])


def with_hooks(conditioning: Conditioning, hooks: object) -> Conditioning:
    """The conditioning with hooks beside those that it has.

    Raises:
        ValueError: `hooks` are something else.
    """
    group = checked_hooks(hooks, "hooks")
    if not group:
        return conditioning
    return [
        [embedding, {**options, "hooks": group.clone_and_combine(options.get("hooks"))}]
        for embedding, options in conditioning
    ]


class PropertiesNode:
    """A node of properties."""

    EXPERIMENTAL = True
    FUNCTION = "set_properties"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hooks"


class ConditioningSetProperties(PropertiesNode):
    """A conditioning with properties."""

    DISPLAY_NAME = "Cond Set Props"
    RETURN_TYPES = ("CONDITIONING",)
    CATEGORY = "advanced/hooks/cond single"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditioning and its properties."""
        return {"required": {"cond_NEW": CONDITIONING, **PROPERTIES}, "optional": OPTIONAL_PROPERTIES}

    def set_properties(
        self,
        cond_NEW: Conditioning,
        strength: float,
        set_cond_area: str,
        mask: Tensor | None = None,
        hooks: object = None,
        timesteps: TimestepsRange | None = None,
    ) -> tuple[Conditioning]:
        """Return the conditioning with them."""
        return (with_properties(cond_NEW, strength, set_cond_area, mask, hooks, timesteps),)


class ConditioningSetPropertiesAndCombine(PropertiesNode):
    """A conditioning with properties, added to another."""

    DISPLAY_NAME = "Cond Set Props Combine"
    RETURN_TYPES = ("CONDITIONING",)
    CATEGORY = "advanced/hooks/cond single"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The other conditioning, the one that gets properties, and these."""
        required = {"cond": CONDITIONING, "cond_NEW": CONDITIONING, **PROPERTIES}
        return {"required": required, "optional": OPTIONAL_PROPERTIES}

    def set_properties(
        self,
        cond: Conditioning,
        cond_NEW: Conditioning,
        strength: float,
        set_cond_area: str,
        mask: Tensor | None = None,
        hooks: object = None,
        timesteps: TimestepsRange | None = None,
    ) -> tuple[Conditioning]:
        """Return the entries of both."""
        return ([*cond, *with_properties(cond_NEW, strength, set_cond_area, mask, hooks, timesteps)],)


class PairConditioningSetProperties(PropertiesNode):
    """A positive and a negative conditioning with the same properties."""

    DISPLAY_NAME = "Cond Pair Set Props"
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    CATEGORY = "advanced/hooks/cond pair"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The conditionings and their properties."""
        required = {"positive_NEW": CONDITIONING, "negative_NEW": CONDITIONING, **PROPERTIES}
        return {"required": required, "optional": OPTIONAL_PROPERTIES}

    def set_properties(
        self,
        positive_NEW: Conditioning,
        negative_NEW: Conditioning,
        strength: float,
        set_cond_area: str,
        mask: Tensor | None = None,
        hooks: object = None,
        timesteps: TimestepsRange | None = None,
    ) -> tuple[Conditioning, Conditioning]:
        """Return both with them."""
        properties = (strength, set_cond_area, mask, hooks, timesteps)
        return with_properties(positive_NEW, *properties), with_properties(negative_NEW, *properties)


class PairConditioningSetPropertiesAndCombine(PropertiesNode):
    """A positive and a negative conditioning with the same properties, added to others."""

    DISPLAY_NAME = "Cond Pair Set Props Combine"
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    CATEGORY = "advanced/hooks/cond pair"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The other conditionings, those that get properties, and these."""
        required = dict.fromkeys(("positive", "negative", "positive_NEW", "negative_NEW"), CONDITIONING)
        return {"required": {**required, **PROPERTIES}, "optional": OPTIONAL_PROPERTIES}

    def set_properties(
        self,
        positive: Conditioning,
        negative: Conditioning,
        positive_NEW: Conditioning,
        negative_NEW: Conditioning,
        strength: float,
        set_cond_area: str,
        mask: Tensor | None = None,
        hooks: object = None,
        timesteps: TimestepsRange | None = None,
    ) -> tuple[Conditioning, Conditioning]:
        """Return the entries of both positive and both negative ones."""
        properties = (strength, set_cond_area, mask, hooks, timesteps)
        return (
            [*positive, *with_properties(positive_NEW, *properties)],
            [*negative, *with_properties(negative_NEW, *properties)],
        )


class PairConditioningCombine:
    """Two pairs of a positive and a negative conditioning as one."""

    DISPLAY_NAME = "Cond Pair Combine"
    RETURN_TYPES = ("CONDITIONING", "CONDITIONING")
    RETURN_NAMES = ("positive", "negative")
    FUNCTION = "combine"
    CATEGORY = "advanced/hooks/cond pair"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hooks"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pairs."""
        return {"required": dict.fromkeys(("positive_A", "negative_A", "positive_B", "negative_B"), CONDITIONING)}

    def combine(
        self,
        positive_A: Conditioning,
        negative_A: Conditioning,
        positive_B: Conditioning,
        negative_B: Conditioning,
    ) -> tuple[Conditioning, Conditioning]:
        """Return the entries of both positive and both negative ones."""
        return [*positive_A, *positive_B], [*negative_A, *negative_B]


class ConditioningTimestepsRange:
    """A part of the sampling."""

    DISPLAY_NAME = "Timesteps Range"
    RETURN_TYPES = ("TIMESTEPS_RANGE", "TIMESTEPS_RANGE", "TIMESTEPS_RANGE")
    RETURN_NAMES = ("TIMESTEPS_RANGE", "BEFORE_RANGE", "AFTER_RANGE")
    FUNCTION = "create_range"
    CATEGORY = "advanced/hooks"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hooks"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """From which to which share of the sampling."""
        start, end = number(0.0, 0.0, 1.0, 0.001), number(1.0, 0.0, 1.0, 0.001)
        return {"required": {"start_percent": start, "end_percent": end}}

    def create_range(
        self, start_percent: float, end_percent: float
    ) -> tuple[TimestepsRange, TimestepsRange, TimestepsRange]:
        """Return the part, what is before and what is after it."""
        return (start_percent, end_percent), (0.0, start_percent), (end_percent, 1.0)


NODES: tuple[type, ...] = (
    ConditioningSetProperties,
    ConditioningSetPropertiesAndCombine,
    PairConditioningSetProperties,
    PairConditioningSetPropertiesAndCombine,
    PairConditioningCombine,
    ConditioningTimestepsRange,
)
