"""What a MODEL holds at `.model`: the network with everything that sampling has to know about it."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.control.residuals import NO_CONTROL
from services.executor.diffusion.denoiser import denoised_by
from services.executor.diffusion.model_sampling import LogarithmicSampling, ModelSampling
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.prediction import Preconditioned, Velocity
from services.executor.memory.current import planner
from services.executor.patching import model_sampling
from services.executor.patching.conds import CONDCrossAttn, CONDNoiseShape, CONDRegular
from services.executor.patching.control.base import CONTROL_TEXT
from services.executor.patching.model_config import BASE
from services.executor.patching.sigma_rows import level_of
from services.executor.patching.transformer_options import TransformerOptions, patches_in
from services.executor.patching.weights import dtype_of
from services.executor.patching.wrappers import WrappersMP, wrapped


class ModelType(enum.Enum):
    """What a network predicts."""

    EPS = 1
    V_PREDICTION = 2
    V_PREDICTION_EDM = 3
    STABLE_CASCADE = 4
    EDM = 5
    FLOW = 6
    V_PREDICTION_CONTINUOUS = 7
    FLUX = 8
    IMG_TO_IMG = 9


class UNetModel(UNet):
    """A UNet that is called with transformer options, in which nodes leave functions that change its work."""

    @classmethod
    def of(cls, unet: UNet) -> UNetModel:
        """Another face of a UNet, which shares everything with it."""
        made = cls.__new__(cls)
        made.__dict__ = unet.__dict__
        return made

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return dtype_of(self)

    @property
    def model_channels(self) -> int:
        """The width of the outermost blocks."""
        return self.spec.model_channels

    @property
    def in_channels(self) -> int:
        """The channels of what it is given."""
        return self.spec.in_channels

    @property
    def out_channels(self) -> int:
        """The channels of what it gives."""
        return self.spec.out_channels

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control: Any = None,
        transformer_options: TransformerOptions | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The raw prediction; see `UNet.forward`. `control` is what a network beside it adds, see `residuals.py`."""
        options = dict(transformer_options or {})
        run = wrapped(WrappersMP.DIFFUSION_MODEL, self._predicted, options, owner=self)
        predicted: Tensor = run(x, timesteps, context, y, control, options, **kwargs)
        return predicted

    def _predicted(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control: Any = None,
        transformer_options: TransformerOptions | None = None,
        **kwargs: Any,
    ) -> Tensor:
        options = transformer_options or {}
        options["original_shape"] = list(x.shape)
        return super().forward(x, timesteps, context, y, patches_in(options), control or NO_CONTROL)


class BaseModel(nn.Module):
    """A diffusion model.

    Attributes:
        diffusion_model: the network.
        model_sampling: its noise levels and what it predicts; nodes may put another one here by an object patch.
        latent_format: the latent space that it works in.
        model_config: what was read from the checkpoint.
    """

    def __init__(self, network: LatentDiffusionModel, config: BASE) -> None:
        super().__init__()
        self.network = network
        self.diffusion_model = UNetModel.of(network.unet)
        self.model_sampling = model_sampling.as_nodes_know_it(network.model_sampling)
        self.latent_format = config.latent_format
        self.model_config = config
        self.model_type = _model_type(network.model_sampling)
        self.adm_channels = network.unet.spec.adm_channels or 0
        self._given_dtype: torch.dtype | None = None

    @property
    def device(self) -> torch.device:
        """Where it computes, whether or not its weights are there yet."""
        return planner().memory.device

    @property
    def manual_cast_dtype(self) -> torch.dtype | None:
        """The dtype that the network computes in, None when it is that of the weights.

        Nodes may put another one here by an object patch, None for what suits the device.
        """
        dtype = self._dtype_on(self.device)
        return None if dtype == self.get_dtype() else dtype

    @manual_cast_dtype.setter
    def manual_cast_dtype(self, dtype: torch.dtype | None) -> None:
        self._given_dtype = dtype

    def _dtype_on(self, device: torch.device) -> torch.dtype:
        return self._given_dtype or self.network.dtype_on(device)

    @property
    def levels(self) -> ModelSampling:
        """The noise levels as samplers know them."""
        return model_sampling.as_samplers_know_it(self.model_sampling)

    def get_dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return dtype_of(self.diffusion_model)

    def apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Any = None,
        c_crossattn: Any = None,
        control: Any = None,
        transformer_options: TransformerOptions | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """The clean latents of x (batch, channels, height, width) at the noise levels t (batch,).

        Args:
            c_concat: (batch, more channels, height, width), what the network is given beside the latents.
            c_crossattn: (batch, tokens, width) text embedding.
            transformer_options: functions that change the network's work, and what they are told of the step.
        """
        options = {} if transformer_options is None else transformer_options
        run = wrapped(WrappersMP.APPLY_MODEL, self._apply_model, options, owner=self)
        denoised: Tensor = run(x, t, c_concat, c_crossattn, control, options, **kwargs)
        return denoised

    def _apply_model(
        self,
        x: Tensor,
        t: Tensor,
        c_concat: Any = None,
        c_crossattn: Any = None,
        control: Any = None,
        transformer_options: TransformerOptions | None = None,
        **kwargs: Any,
    ) -> Tensor:
        dtype = self._dtype_on(x.device)
        _check_text(c_crossattn, self.network.unet.spec.context_dim)
        # Pooled conditions of families that have them come as `y`.
        extra = {name: value.to(dtype) if _is_real(value) else value for name, value in kwargs.items()}

        def network(scaled: Tensor, timestep: Tensor) -> Tensor:
            if c_concat is not None:
                scaled = torch.cat([scaled, c_concat.to(scaled)], dim=1)
            output: Tensor = self.diffusion_model(
                scaled.to(dtype),
                timestep,
                context=c_crossattn.to(dtype),
                control=control,
                transformer_options=transformer_options,
                **extra,
            )
            return output

        return denoised_by(network, self.levels, x, level_of(t))

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        """What the network is given of a condition, whose options are the arguments."""
        noise = kwargs["noise"]
        found: dict[str, Any] = {"c_crossattn": CONDCrossAttn(kwargs["cross_attn"])}
        if (vector := self.network.vector(kwargs, *noise.shape[-2:])) is not None:
            found["y"] = CONDRegular(vector)
        if (beside := self.network.beside(kwargs, noise)) is not None:
            found["c_concat"] = CONDNoiseShape(beside)
        if (text := kwargs.get("cross_attn_controlnet")) is not None:
            found[CONTROL_TEXT] = CONDCrossAttn(text)
        return found

    def memory_required(self, input_shape: Sequence[int]) -> int:
        """Roughly how many bytes a step on latents (batch, channels, ...) of a shape takes."""
        batch, _, *sizes = input_shape
        return int(self.network.working_memory(batch * math.prod(sizes), self.device))

    def process_latent_in(self, latent: Tensor) -> Tensor:
        """Scale a latent of the autoencoder to the network's space."""
        return self.latent_format.process_in(latent)

    def process_latent_out(self, latent: Tensor) -> Tensor:
        """Scale a latent of the network's space back to the autoencoder's."""
        return self.latent_format.process_out(latent)

    def scale_latent_inpaint(self, sigma: Tensor, noise: Tensor, latent_image: Tensor, **kwargs: Any) -> Tensor:
        """The known latent at a noise level, for what stays outside a mask."""
        return self.levels.prediction.add_noise(level_of(sigma), noise, latent_image)


def _check_text(embedding: Tensor, width: int) -> None:
    """Refuse the text embedding of another family.

    Raises:
        ValueError: it is one.
    """
    if embedding.shape[-1] != width:
        raise ValueError(
            f"conditioning: this model takes text embeddings of width {width} and was given one of "
            f"{embedding.shape[-1]}; was it made by another model's text encoder?"
        )


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _model_type(sampling: ModelSampling) -> ModelType:
    match sampling.prediction:
        case Preconditioned():
            return ModelType.EDM
        case Velocity():
            return ModelType.V_PREDICTION_EDM if isinstance(sampling, LogarithmicSampling) else ModelType.V_PREDICTION
    return ModelType.EPS
