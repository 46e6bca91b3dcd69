"""A control network, as it flows between nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor

from services.executor.diffusion.control.control_net import compute_dtype
from services.executor.diffusion.denoiser import network_inputs
from services.executor.patching.control.base import CONTROL_TEXT, Control, ControlBase, StrengthType
from services.executor.patching.control.hints import for_batch, scaled
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.sigma_rows import level_of


class ControlNet(ControlBase):
    """Steers by a network that is shown what the model is shown, and the hint.

    Attributes:
        control_model: the network, shared by copies.
        control_model_wrapped: the same as something that is loaded.
        model_sampling_current: the noise levels of the model; there while sampling.
        extra_conds: what else the network is given of a condition.
    """

    def __init__(
        self,
        control_model: Any = None,
        global_average_pooling: bool = False,
        compression_ratio: int = 8,
        latent_format: Any = None,
        load_device: torch.device | None = None,
        manual_cast_dtype: torch.dtype | None = None,
        extra_conds: list[str] | None = None,
        strength_type: StrengthType = StrengthType.CONSTANT,
        concat_mask: bool = False,
    ) -> None:
        """Take a network; `load_device` is where it computes; guiders bring it there."""
        super().__init__()
        self.control_model = control_model
        self.load_device = load_device
        self.manual_cast_dtype = manual_cast_dtype
        self.control_model_wrapped = None if control_model is None else ModelPatcher(control_model, load_device)
        self.global_average_pooling = global_average_pooling
        self.compression_ratio = compression_ratio
        self.latent_format = latent_format
        self.extra_conds = ["y"] if extra_conds is None else extra_conds
        self.strength_type = strength_type
        self.concat_mask = concat_mask
        self.model_sampling_current: Any = None

    def copy(self) -> Self:
        """The same network, with settings of its own."""
        c = type(self)(self.control_model, load_device=self.load_device, manual_cast_dtype=self.manual_cast_dtype)
        c.extra_conds = self.extra_conds
        self.copy_to(c)
        return c

    def pre_run(self, model: Any, percent_to_timestep_function: Callable[[float], float]) -> None:
        """Be told of the model."""
        super().pre_run(model, percent_to_timestep_function)
        self.model_sampling_current = model.model_sampling

    def own_control(self, x_noisy: Tensor, t: Tensor, cond: Mapping[str, Any], batched_number: int) -> Control:
        """What the network adds.

        Raises:
            ValueError: it is made for another family of models, or for hints with other channels.
        """
        dtype = self.manual_cast_dtype or compute_dtype(self.control_model)
        hint = for_batch(self._hint(x_noisy), len(x_noisy), batched_number)
        x, timesteps = network_inputs(as_samplers_know_it(self.model_sampling_current), x_noisy, level_of(t))
        context = cond.get(CONTROL_TEXT, cond["c_crossattn"])
        self._check(x, context, cond.get("y"), hint)
        given = {name: cond[name].to(dtype) for name in self.extra_conds if cond.get(name) is not None}
        residuals: Control = self.control_model(
            x=x.to(dtype),
            hint=hint.to(dtype),
            timesteps=timesteps,
            context=context.to(dtype),
            **given,
            **self.extra_args,
        )
        return residuals

    def _hint(self, x_noisy: Tensor) -> Tensor:
        height, width = (side * self.compression_ratio for side in x_noisy.shape[-2:])
        if self.cond_hint is None or self.cond_hint.shape[-2:] != (height, width):
            if self.cond_hint_original is None:
                raise ValueError("control_net: it was given no picture")
            self.cond_hint = scaled(self.cond_hint_original, height, width, self.upscale_algorithm).to(x_noisy.device)
        return self.cond_hint

    def _check(self, x: Tensor, context: Tensor, vector: Tensor | None, hint: Tensor) -> None:
        spec = getattr(self.control_model, "spec", None)
        if spec is None:
            return
        found = {
            "latents of {} channels": (x.shape[1], spec.in_channels),
            "texts of width {}": (context.shape[-1], spec.context_dim),
            "a vector condition of width {}": (0 if vector is None else vector.shape[-1], spec.adm_channels or 0),
        }
        for what, (given, expected) in found.items():
            if given != expected:
                raise ValueError(
                    f"control_net: it is made for another family of models: it takes {what.format(expected)},"
                    f" and this model has {given or 'none'}"
                )
        if hint.shape[1] != self.control_model.hint_channels:
            raise ValueError(
                f"image: this control network takes pictures with {self.control_model.hint_channels} channels,"
                f" and it was given some with {hint.shape[1]}"
            )

    def get_models(self) -> list[Any]:
        """The network, and those of the links before it."""
        own = [] if self.control_model_wrapped is None else [self.control_model_wrapped]
        return [*super().get_models(), *own]

    def cleanup(self) -> None:
        """Let go of what was made for a run."""
        self.model_sampling_current = None
        super().cleanup()
