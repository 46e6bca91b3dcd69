"""Nodes that say what noise sampling begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.noise import initial_noise
from services.executor.nodes.latent import Latent


@dataclass(frozen=True)
class SeededNoise:
    """What flows between nodes as NOISE: noise drawn from a seed."""

    seed: int

    def generate_noise(self, latent: Latent) -> Tensor:
        """Return unit normal noise (float32, CPU) for a latent; its items keep the noise of their places."""
        return initial_noise(latent["samples"].shape, self.seed, latent.get("batch_index"))


@dataclass(frozen=True)
class NoNoise:
    """What flows between nodes as NOISE: none."""

    seed: int = 0

    def generate_noise(self, latent: Latent) -> Tensor:
        """Return zeros (float32, CPU) for a latent."""
        return torch.zeros(latent["samples"].shape)


class NoiseNode:
    """A node of noise."""

    RETURN_TYPES = ("NOISE",)
    FUNCTION = "get_noise"
    CATEGORY = "sampling/custom_sampling/noise"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_custom_sampler"


class RandomNoise(NoiseNode):
    """Noise from a seed."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The seed."""
        seed = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}
        return {"required": {"noise_seed": ("INT", seed)}}

    def get_noise(self, noise_seed: int) -> tuple[SeededNoise]:
        """Return the noise."""
        return (SeededNoise(noise_seed),)


class DisableNoise(NoiseNode):
    """No noise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """Nothing."""
        return {"required": {}}

    def get_noise(self) -> tuple[NoNoise]:
        """Return no noise."""
        return (NoNoise(),)


NODES: tuple[type, ...] = (RandomNoise, DisableNoise)
