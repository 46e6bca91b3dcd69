"""A T2I-Adapter, as it flows between nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from services.executor.diffusion.control.control_net import compute_dtype
from services.executor.patching.control.base import Control, ControlBase
from services.executor.patching.control.hints import for_batch, scaled
from services.executor.patching.model_patcher import ModelPatcher


class T2IAdapter(ControlBase):
    """Steers by features of the hint, which are made once for a size.

    Attributes:
        t2i_model: the network, shared by copies.
        channels_in: of the pictures that it is shown.
        control_input: the features of the hint; there while sampling.
    """

    def __init__(
        self,
        t2i_model: Any,
        channels_in: int,
        compression_ratio: int = 8,
        upscale_algorithm: str = "nearest-exact",
        device: torch.device | None = None,
    ) -> None:
        """Take a network; `device` is where it computes; guiders bring it there."""
        super().__init__()
        self.t2i_model = t2i_model
        self.channels_in = channels_in
        self.compression_ratio = compression_ratio
        self.upscale_algorithm = upscale_algorithm
        self.device = device
        self.control_input: Control | None = None

    def copy(self) -> Self:
        """The same network, with settings of its own."""
        c = type(self)(self.t2i_model, self.channels_in, self.compression_ratio, self.upscale_algorithm, self.device)
        self.copy_to(c)
        return c

    def own_control(self, x_noisy: Tensor, t: Tensor, cond: Mapping[str, Any], batched_number: int) -> Control:
        """The features, for each of the latents.

        Raises:
            ValueError: the hint has other channels than the network takes.
        """
        height, width = self.scale_image_to(*(side * self.compression_ratio for side in x_noisy.shape[-2:]))
        if self.control_input is None or self.cond_hint is None or self.cond_hint.shape[-2:] != (height, width):
            self.cond_hint = self._hint(height, width)
            pictures = self.cond_hint.to(x_noisy.device, compute_dtype(self.t2i_model))
            self.control_input = self.t2i_model(pictures)
        return {
            stage: [None if one is None else for_batch(one, len(x_noisy), batched_number) for one in features]
            for stage, features in self.control_input.items()
        }

    def scale_image_to(self, height: int, width: int) -> tuple[int, int]:
        """The size of the hint for latents of a size in pixels: whole squares of those that the network looks at."""
        square = self.t2i_model.spec.unshuffle
        return -(-height // square) * square, -(-width // square) * square

    def _hint(self, height: int, width: int) -> Tensor:
        if self.cond_hint_original is None:
            raise ValueError("control_net: it was given no picture")
        hint = scaled(self.cond_hint_original, height, width, self.upscale_algorithm)
        if self.channels_in == 1:
            return hint.mean(dim=1, keepdim=True)
        if hint.shape[1] != self.channels_in:
            raise ValueError(
                f"image: this adapter takes pictures with {self.channels_in} channels,"
                f" and it was given some with {hint.shape[1]}"
            )
        return hint

    def get_models(self) -> list[Any]:
        """The network, and those of the links before it."""
        return [*super().get_models(), ModelPatcher(self.t2i_model, self.device)]

    def cleanup(self) -> None:
        """Let go of the features."""
        self.control_input = None
        super().cleanup()
