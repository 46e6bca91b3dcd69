"""Samplers: ways to integrate from noise to a picture, one family per file."""

from __future__ import annotations

from services.executor.diffusion.samplers.contract import Denoise, Report, Sampler
from services.executor.diffusion.samplers.registry import SAMPLERS

__all__ = ["SAMPLERS", "Denoise", "Report", "Sampler"]
