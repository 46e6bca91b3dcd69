"""Nodes that make noise levels without looking at a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from services.executor.diffusion import schedules
from services.executor.nodes.declarations import Declaration, number, whole
from services.executor.nodes.flow_shift import video_shift
from services.executor.nodes.schema_node import SchemaNode

STEPS = whole(20, 1, 10000, step=None)


def exact(default: float, least: float, most: float, step: float = 0.01) -> Declaration:
    """A number that canvases do not round to its step."""
    return "FLOAT", {"default": default, "min": least, "max": most, "step": step, "round": False}


#: The range of Stable Diffusion's table.
SIGMA_MAX = exact(14.614642, 0.0, 5000.0)
SIGMA_MIN = exact(0.0291675, 0.0, 5000.0)


class SchedulerNode:
    """A node that makes noise levels."""

    RETURN_TYPES = ("SIGMAS",)
    FUNCTION = "get_sigmas"
    CATEGORY = "sampling/custom_sampling/schedulers"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class KarrasScheduler(SchedulerNode):
    """Levels that lie close together at the low end."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, between which levels, and how close together."""
        rho = exact(7.0, 0.0, 100.0)
        return {"required": {"steps": STEPS, "sigma_max": SIGMA_MAX, "sigma_min": SIGMA_MIN, "rho": rho}}

    def get_sigmas(self, steps: int, sigma_max: float, sigma_min: float, rho: float) -> tuple[Tensor]:
        """Return the levels, then zero.

        Raises:
            ValueError: rho is zero, or so low that its roots are too large.
        """
        _require_positive(rho=rho)
        try:
            return (schedules.karras(steps, sigma_min, sigma_max, rho),)
        except OverflowError as error:
            raise ValueError(f"rho: {rho} is too low for levels up to {sigma_max}") from error


class ExponentialScheduler(SchedulerNode):
    """Levels each of which is the same share of the one before."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, and between which levels."""
        return {"required": {"steps": STEPS, "sigma_max": SIGMA_MAX, "sigma_min": SIGMA_MIN}}

    def get_sigmas(self, steps: int, sigma_max: float, sigma_min: float) -> tuple[Tensor]:
        """Return the levels, then zero.

        Raises:
            ValueError: a level is zero.
        """
        _require_positive(sigma_max=sigma_max, sigma_min=sigma_min)
        return (schedules.exponential(steps, sigma_min, sigma_max),)


class PolyexponentialScheduler(SchedulerNode):
    """Levels whose logarithms follow a power."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, between which levels, and the power."""
        rho = exact(1.0, 0.0, 100.0)
        return {"required": {"steps": STEPS, "sigma_max": SIGMA_MAX, "sigma_min": SIGMA_MIN, "rho": rho}}

    def get_sigmas(self, steps: int, sigma_max: float, sigma_min: float, rho: float) -> tuple[Tensor]:
        """Return the levels, then zero.

        Raises:
            ValueError: a level is zero.
        """
        _require_positive(sigma_max=sigma_max, sigma_min=sigma_min)
        return (schedules.polyexponential(steps, sigma_min, sigma_max, rho),)


class LaplaceScheduler(SchedulerNode):
    """Levels that lie close together in the middle."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, between which levels, around which logarithm, and how close together."""
        return {
            "required": {
                "steps": STEPS,
                "sigma_max": SIGMA_MAX,
                "sigma_min": SIGMA_MIN,
                "mu": exact(0.0, -10.0, 10.0, 0.1),
                "beta": exact(0.5, 0.0, 10.0, 0.1),
            }
        }

    def get_sigmas(self, steps: int, sigma_max: float, sigma_min: float, mu: float, beta: float) -> tuple[Tensor]:
        """Return the levels, without a zero."""
        return (schedules.laplace(steps, sigma_min, sigma_max, mu, beta),)


class VPScheduler(SchedulerNode):
    """Levels of a process that keeps the variance."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, and the slope, the beginning and the last time of the process."""
        return {
            "required": {
                "steps": STEPS,
                "beta_d": exact(19.9, 0.0, 5000.0),
                "beta_min": exact(0.1, 0.0, 5000.0),
                "eps_s": exact(0.001, 0.0, 1.0, 0.0001),
            }
        }

    def get_sigmas(self, steps: int, beta_d: float, beta_min: float, eps_s: float) -> tuple[Tensor]:
        """Return the levels, then zero."""
        return (schedules.variance_preserving(steps, beta_d, beta_min, eps_s),)


class LTXVScheduler(SchemaNode):
    """Levels of a flow model, the later ones higher the larger the video is, as LTX-Video was trained."""

    RETURN_TYPES = ("SIGMAS",)
    FUNCTION = "execute"
    CATEGORY = "sampling/custom_sampling/schedulers"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lt"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """How many steps, the shifts for large and small videos, the last level before zero, and the video."""
        stretch = {"default": True, "tooltip": "Spreads the levels so that the last one before zero is `terminal`."}
        terminal = {**number(0.1, 0.0, 0.99, 0.01)[1], "tooltip": "The last level before zero."}
        return {
            "required": {
                "steps": STEPS,
                "max_shift": number(2.05, 0.0, 100.0, 0.01),
                "base_shift": number(0.95, 0.0, 100.0, 0.01),
                "stretch": ("BOOLEAN", stretch),
                "terminal": ("FLOAT", terminal),
            },
            "optional": {"latent": ("LATENT", {})},
        }

    def execute(
        self,
        steps: int,
        max_shift: float,
        base_shift: float,
        stretch: bool,
        terminal: float,
        latent: Mapping[str, Any] | None = None,
    ) -> tuple[Tensor]:
        """Return the levels, then zero; without a latent those for 4096 cells.

        Raises:
            ValueError: the shift is too large.
        """
        shift = video_shift(latent, base_shift, max_shift)
        return (schedules.shifted_flow(steps, shift, terminal if stretch else None),)


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name}: must be above zero")


NODES: tuple[type, ...] = (
    KarrasScheduler,
    ExponentialScheduler,
    PolyexponentialScheduler,
    LaplaceScheduler,
    VPScheduler,
    LTXVScheduler,
)
