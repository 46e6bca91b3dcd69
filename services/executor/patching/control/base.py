"""What everything has in common that steers a model by a picture, the hint."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from services.executor.patching.sigma_rows import level_of

CONTROL_TEXT = "crossattn_controlnet"
"""Under which name a model is given the text embedding that its control networks read in place of its own."""

Control = dict[str, list[Tensor | None]]
"""See `services.executor.diffusion.control.residuals`."""


class StrengthType(enum.Enum):
    """How strength counts: the same for all blocks, or less the further a block is from the last of its list."""

    CONSTANT = 1
    LINEAR_UP = 2


class ControlBase:
    """One link of a chain: what it adds to a model's features is added to what those before it add.

    Packs inherit from it.

    Attributes:
        cond_hint_original: the hint (batch, channels, height, width) as it was given, in 0..1.
        cond_hint: the same at the size of the latents; there while sampling.
        strength: what is added is multiplied by it.
        timestep_percent_range: the share of the sampling that it steers, from 0 to 1.
        timestep_range: the noise levels of that share, from high to low; there while sampling.
        vae, latent_format: of networks that are shown latents of pictures.
        extra_concat_orig: what else belongs to the hint.
        concat_mask: whether it takes a mask beside the hint.
        extra_args: arguments for its network.
        compression_ratio: pixels of the hint along one side of a latent's cell.
        upscale_algorithm: how the hint is brought to another size.
        previous_controlnet: the link before it.
    """

    def __init__(self) -> None:
        self.cond_hint_original: Tensor | None = None
        self.cond_hint: Tensor | None = None
        self.strength = 1.0
        self.timestep_percent_range = (0.0, 1.0)
        self.timestep_range: tuple[float, float] | None = None
        self.vae: Any = None
        self.latent_format: Any = None
        self.extra_concat_orig: list[Tensor] = []
        self.concat_mask = False
        self.extra_args: dict[str, Any] = {}
        self.extra_hooks: Any = None
        self.global_average_pooling = False
        self.compression_ratio = 8
        self.upscale_algorithm = "nearest-exact"
        self.strength_type = StrengthType.CONSTANT
        self.previous_controlnet: Any = None

    def copy(self) -> Self:
        """The same with settings of its own."""
        raise NotImplementedError

    # What nodes set

    def set_cond_hint(
        self,
        cond_hint: Tensor,
        strength: float = 1.0,
        timestep_percent_range: tuple[float, float] = (0.0, 1.0),
        vae: Any = None,
        extra_concat: Sequence[Tensor] = (),
    ) -> Self:
        """Take a hint, and how strongly and when it steers."""
        self.cond_hint_original = cond_hint
        self.strength = strength
        self.timestep_percent_range = timestep_percent_range
        self.vae = vae
        self.extra_concat_orig = list(extra_concat)
        return self

    def set_previous_controlnet(self, controlnet: Any) -> Self:
        """Take the link before it."""
        self.previous_controlnet = controlnet
        return self

    def set_extra_arg(self, argument: str, value: Any = None) -> None:
        """Set an argument for its network."""
        self.extra_args[argument] = value

    def copy_to(self, c: ControlBase) -> None:
        """Set what nodes set on another."""
        c.cond_hint_original = self.cond_hint_original
        c.strength = self.strength
        c.timestep_percent_range = self.timestep_percent_range
        c.vae = self.vae
        c.latent_format = self.latent_format
        c.extra_concat_orig = list(self.extra_concat_orig)
        c.concat_mask = self.concat_mask
        c.extra_args = dict(self.extra_args)
        c.extra_hooks = self.extra_hooks
        c.global_average_pooling = self.global_average_pooling
        c.compression_ratio = self.compression_ratio
        c.upscale_algorithm = self.upscale_algorithm
        c.strength_type = self.strength_type

    # What a run calls

    def pre_run(self, model: Any, percent_to_timestep_function: Callable[[float], float]) -> None:
        """Be told of the model before it is sampled from."""
        start, end = (float(percent_to_timestep_function(percent)) for percent in self.timestep_percent_range)
        self.timestep_range = (start, end)
        if self.previous_controlnet is not None:
            self.previous_controlnet.pre_run(model, percent_to_timestep_function)

    def get_control(
        self,
        x_noisy: Tensor,
        t: Tensor,
        cond: Mapping[str, Any],
        batched_number: int,
        transformer_options: Mapping[str, Any],
    ) -> Control | None:
        """What is added to the model's features, None when it is nothing.

        Args:
            x_noisy: (conditions * latents, channels, height, width).
            t: their noise levels.
            cond: what the model is given beside them.
            batched_number: the conditions in it.
            transformer_options: what functions in the model are told of the step.
        """
        before = None
        if self.previous_controlnet is not None:
            given = x_noisy, t, cond, batched_number, transformer_options
            before = self.previous_controlnet.get_control(*given)
        if not self.applies_at(t):
            return before
        return self.control_merge(self.own_control(x_noisy, t, cond, batched_number), before, x_noisy.dtype)

    def own_control(self, x_noisy: Tensor, t: Tensor, cond: Mapping[str, Any], batched_number: int) -> Control:
        """What this link adds, before its strength counts; arguments as for `get_control`."""
        raise NotImplementedError

    def applies_at(self, t: Tensor) -> bool:
        """Whether it steers at noise levels."""
        if self.timestep_range is None:
            return True
        start, end = self.timestep_range
        return end <= float(level_of(t).max()) <= start

    def cleanup(self) -> None:
        """Let go of what was made for a run."""
        if self.previous_controlnet is not None:
            self.previous_controlnet.cleanup()
        self.cond_hint = None
        self.timestep_range = None

    def get_models(self) -> list[Any]:
        """The models that it needs, those of the links before it included."""
        return [] if self.previous_controlnet is None else self.previous_controlnet.get_models()

    def get_extra_hooks(self) -> list[Any]:
        """The hooks that it applies, those of the links before it included."""
        before = [] if self.previous_controlnet is None else self.previous_controlnet.get_extra_hooks()
        return before if self.extra_hooks is None else [*before, self.extra_hooks]

    def inference_memory_requirements(self, dtype: torch.dtype) -> float:
        """Bytes that it needs beside its weights and those of the model."""
        before = self.previous_controlnet
        return 0.0 if before is None else float(before.inference_memory_requirements(dtype))

    def control_merge(
        self, control: Mapping[str, Sequence[Tensor | None]], control_prev: Control | None, output_dtype: torch.dtype
    ) -> Control:
        """What this link adds, at its strength, and what those before it add."""
        merged: Control = {}
        for stage, residuals in control.items():
            count = len(residuals)
            merged[stage] = [
                None if residual is None else self._weighted(residual, count - place).to(output_dtype)
                for place, residual in enumerate(residuals)
            ]
        for stage, residuals in (control_prev or {}).items():
            merged[stage] = _sums(merged.get(stage, []), residuals)
        return merged

    def _weighted(self, residual: Tensor, from_last: int) -> Tensor:
        if self.global_average_pooling:
            residual = residual.mean(dim=(2, 3), keepdim=True).expand_as(residual)
        strength = self.strength**from_last if self.strength_type is StrengthType.LINEAR_UP else self.strength
        return residual if strength == 1.0 else residual * strength


def _sums(ours: Sequence[Tensor | None], theirs: Sequence[Tensor | None]) -> list[Tensor | None]:
    # The last ones belong to the same block.
    pairs = itertools.zip_longest(reversed(ours), reversed(theirs))
    return [one if other is None else other if one is None else one + other for one, other in pairs][::-1]
