"""What `comfy_extras.nodes_custom_sampler` holds beside its nodes."""

from __future__ import annotations

from services.executor.nodes.guiders import OneSided as Guider_Basic
from services.executor.nodes.noise import NoNoise as Noise_EmptyNoise
from services.executor.nodes.noise import SeededNoise as Noise_RandomNoise

__all__ = ["Guider_Basic", "Noise_EmptyNoise", "Noise_RandomNoise"]
