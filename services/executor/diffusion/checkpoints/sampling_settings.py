"""How a checkpoint's UNet is to be sampled: noise levels, what it predicts, and its latent space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.families import Family
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling, stable_diffusion_sampling
from services.executor.diffusion.prediction import Epsilon, Prediction, Velocity

PREDICTIONS: dict[str, type[Prediction]] = {"eps": Epsilon, "v": Velocity}


def model_sampling(configuration: Mapping[str, Any]) -> ModelSampling:
    """Stable Diffusion's noise levels; `prediction` and `zero_terminal_snr` may say that it is not noise prediction."""
    name = configuration.get("prediction", "eps")
    if name not in PREDICTIONS:
        raise CheckpointError(f"unknown prediction {name!r}, expected one of {', '.join(PREDICTIONS)}")
    zero_terminal_snr = bool(configuration.get("zero_terminal_snr", False))
    return stable_diffusion_sampling(PREDICTIONS[name](), zero_terminal_snr=zero_terminal_snr)


def latent_format(family: Family, configuration: Mapping[str, Any]) -> LatentFormat:
    """The latent space of a family, with the scale and the preview colours that the file gives."""
    usual = family.latent_format
    given = replace(usual, scale_factor=float(configuration.get("latent_scale", usual.scale_factor)))
    colours = configuration.get("latent_rgb")
    if colours is None:
        return given
    factors = tuple((float(red), float(green), float(blue)) for red, green, blue in colours["factors"])
    red, green, blue = (float(value) for value in colours["bias"])
    return replace(given, rgb_factors=factors, rgb_bias=(red, green, blue))
