"""How a checkpoint's UNet is to be sampled: noise levels, what it predicts, and its latent space.

What a file says comes before what is usual in its family: our own configuration first, then weights that stand for
nothing but a marker, then the metadata of https://github.com/Stability-AI/ModelSpec.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.families import Family
from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import LogarithmicSampling, ModelSampling, stable_diffusion_sampling
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.prediction import Epsilon, Preconditioned, Prediction, Velocity

PREDICTIONS: dict[str, type[Prediction]] = {"eps": Epsilon, "v": Velocity}
MODEL_SPEC_KEYS = ("modelspec.prediction_type", "modelspec.predict_key")
MODEL_SPEC_PREDICTIONS = {"epsilon": "eps", "eps": "eps", "v": "v", "v_prediction": "v"}

VELOCITY_MARKER = "v_pred"
ZERO_TERMINAL_SNR_MARKER = "ztsnr"
LATENT_MEAN, LATENT_DEVIATION = "edm_mean", "edm_std"
"""Where they are, the network has the preconditioning of Karras et al. (2022), and its latents these statistics."""
VELOCITY_SIGMA_MAX, VELOCITY_SIGMA_MIN = "edm_vpred.sigma_max", "edm_vpred.sigma_min"
"""Where the first is, the network predicts the velocity at levels evenly spaced in their logarithm."""
PRECONDITIONED_RANGE = 0.002, 80.0
VELOCITY_SIGMA_LEAST = 0.002


@dataclass(frozen=True, eq=False)
class Told:
    """Everything in a file that may say something about a network.

    Attributes:
        unet: the network.
        weights: all of the file, by name.
        configuration: see `configuration.py`.
        metadata: other free-form metadata.
    """

    unet: UNet
    weights: Mapping[str, Tensor]
    configuration: Mapping[str, Any]
    metadata: Mapping[str, str]


def model_sampling(family: Family, told: Told) -> ModelSampling:
    """The noise levels, and what the network predicts."""
    markers = told.weights
    if "prediction" not in told.configuration:
        if LATENT_MEAN in markers and LATENT_DEVIATION in markers:
            return LogarithmicSampling(*PRECONDITIONED_RANGE, Preconditioned())
        if VELOCITY_SIGMA_MAX in markers:
            least = float(markers[VELOCITY_SIGMA_MIN]) if VELOCITY_SIGMA_MIN in markers else VELOCITY_SIGMA_LEAST
            return LogarithmicSampling(least, float(markers[VELOCITY_SIGMA_MAX]), Velocity())
    first, last = family.betas
    return stable_diffusion_sampling(
        _prediction(family, told),
        zero_terminal_snr=bool(told.configuration.get("zero_terminal_snr", ZERO_TERMINAL_SNR_MARKER in markers)),
        beta_start=first,
        beta_end=last,
    )


def _prediction(family: Family, told: Told) -> Prediction:
    if (name := told.configuration.get("prediction")) is not None:
        if name not in PREDICTIONS:
            raise CheckpointError(f"unknown prediction {name!r}, expected one of {', '.join(PREDICTIONS)}")
        return PREDICTIONS[name]()
    if VELOCITY_MARKER in told.weights:
        return Velocity()
    for key in MODEL_SPEC_KEYS:
        if (name := MODEL_SPEC_PREDICTIONS.get(told.metadata.get(key, ""))) is not None:
            return PREDICTIONS[name]()
    return family.prediction(told.unet)


def latent_format(family: Family, told: Told) -> LatentFormat:
    """The latent space of a family, with the statistics, the scale and the preview colours that the file gives."""
    usual, configuration = family.latent_format, told.configuration
    if LATENT_MEAN in told.weights and LATENT_DEVIATION in told.weights:
        usual = replace(
            usual,
            scale_factor=Preconditioned().sigma_data,
            mean=tuple(told.weights[LATENT_MEAN].flatten().tolist()),
            deviation=tuple(told.weights[LATENT_DEVIATION].flatten().tolist()),
        )
    given = replace(usual, scale_factor=float(configuration.get("latent_scale", usual.scale_factor)))
    colours = configuration.get("latent_rgb")
    if colours is None:
        return given
    factors = tuple((float(red), float(green), float(blue)) for red, green, blue in colours["factors"])
    red, green, blue = (float(value) for value in colours["bias"])
    return replace(given, rgb_factors=factors, rgb_bias=(red, green, blue))
