"""Nodes that take noise levels apart and change them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.declarations import number, whole
from services.executor.nodes.schema_node import SchemaNode
from services.executor.nodes.sigma_schedules import exact

SIGMAS = ("SIGMAS",)

#: Stands for zero where sampling begins, since no noise can be removed from there.
ALMOST_ZERO = 0.0001

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

#: What share of a step lies behind at a share of its time.
SPACINGS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda share: share,
    "cosine": lambda share: (share * math.pi / 2).sin(),
    "sine": lambda share: 1 - (share * math.pi / 2).cos(),
}


class SigmasNode:
    """A node from noise levels to noise levels."""

    RETURN_TYPES: tuple[str, ...] = ("SIGMAS",)
    CATEGORY = "sampling/custom_sampling/sigmas"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class ManualSigmas(SchemaNode):
    """Noise levels written down."""

    RETURN_TYPES = ("SIGMAS",)
    FUNCTION = "execute"
    CATEGORY = "_for_testing/custom_sampling"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"
    EXPERIMENTAL = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels."""
        return {"required": {"sigmas": ("STRING", {"default": "1, 0.5", "multiline": False})}}

    def execute(self, sigmas: str) -> tuple[Tensor]:
        """Return the numbers in the text, whatever stands between them."""
        return (torch.tensor([float(number) for number in NUMBER.findall(sigmas)]),)


class SplitSigmas(SigmasNode):
    """Noise levels in two parts."""

    RETURN_TYPES = ("SIGMAS", "SIGMAS")
    RETURN_NAMES = ("high_sigmas", "low_sigmas")
    FUNCTION = "get_sigmas"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels and the step at which the second part begins."""
        return {"required": {"sigmas": SIGMAS, "step": whole(0, 0, 10000, step=None)}}

    def get_sigmas(self, sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return both parts; the first ends at the level where the second begins."""
        return sigmas[: step + 1], sigmas[step:]


class SplitSigmasDenoise(SigmasNode):
    """Noise levels in two parts, by the share of the second."""

    RETURN_TYPES = ("SIGMAS", "SIGMAS")
    RETURN_NAMES = ("high_sigmas", "low_sigmas")
    FUNCTION = "get_sigmas"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels and the share of their steps that makes the second part."""
        return {"required": {"sigmas": SIGMAS, "denoise": number(1.0, 0.0, 1.0, 0.01)}}

    def get_sigmas(self, sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
        """Return both parts; with no steps in the second, the first is empty, as in ComfyUI."""
        steps = round(max(len(sigmas) - 1, 0) * denoise)
        return sigmas[: len(sigmas) - steps if steps else 0], sigmas[-(steps + 1) :]


class FlipSigmas(SigmasNode):
    """Noise levels the other way round, to add noise instead of removing it."""

    FUNCTION = "get_sigmas"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels."""
        return {"required": {"sigmas": SIGMAS}}

    def get_sigmas(self, sigmas: Tensor) -> tuple[Tensor]:
        """Return the levels from the last to the first, beginning just above zero."""
        flipped = sigmas.flip(0)
        if len(flipped) and flipped[0] == 0:
            flipped[0] = ALMOST_ZERO
        return (flipped,)


class SetFirstSigma(SigmasNode):
    """Noise levels that begin at another level."""

    FUNCTION = "set_first_sigma"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels and the new first one."""
        return {"required": {"sigmas": SIGMAS, "sigma": exact(136.0, 0.0, 20000.0, 0.001)}}

    def set_first_sigma(self, sigmas: Tensor, sigma: float) -> tuple[Tensor]:
        """Return the levels with the first replaced; no levels stay none."""
        changed = sigmas.clone()
        changed[:1] = sigma
        return (changed,)


class ExtendIntermediateSigmas(SigmasNode):
    """Noise levels with more levels between them."""

    FUNCTION = "extend"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The levels, into how many steps to divide each, between which levels (-1 is any), and how to space them."""
        return {
            "required": {
                "sigmas": SIGMAS,
                "steps": whole(2, 1, 100, step=None),
                "start_at_sigma": exact(-1.0, -1.0, 20000.0),
                "end_at_sigma": exact(12.0, 0.0, 20000.0),
                "spacing": (tuple(SPACINGS),),
            }
        }

    def extend(
        self, sigmas: Tensor, steps: int, start_at_sigma: float, end_at_sigma: float, spacing: str
    ) -> tuple[Tensor]:
        """Return the levels with those that divide the steps beginning in the range.

        Raises:
            ValueError: unknown spacing.
        """
        if spacing not in SPACINGS:
            raise ValueError(f"spacing: {spacing!r} is not one of {', '.join(SPACINGS)}")
        highest = math.inf if start_at_sigma < 0 else start_at_sigma
        shares = SPACINGS[spacing](torch.linspace(0, 1, steps + 1)[1:-1])
        extended: list[Tensor] = []
        for sigma, sigma_next in pairwise(sigmas):
            extended.append(sigma[None])
            if end_at_sigma <= sigma <= highest:
                extended.append(shares * (sigma_next - sigma) + sigma)
        return (torch.cat([*extended, sigmas[-1:]]),)


NODES: tuple[type, ...] = (
    ManualSigmas,
    SplitSigmas,
    SplitSigmasDenoise,
    FlipSigmas,
    SetFirstSigma,
    ExtendIntermediateSigmas,
)
