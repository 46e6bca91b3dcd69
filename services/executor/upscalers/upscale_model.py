"""The upscaler that flows between nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.pauses import pause_between_layers
from services.executor.upscalers.architecture import Architecture, Network
from services.executor.upscalers.sizes import SizeRequirements


class UpscaleModel:
    """A loaded upscaler, with the interface that node packs know from spandrel's `ImageModelDescriptor`.

    Attributes:
        model: the network itself, which takes and gives (batch, channels, height, width).
        architecture: of what kind it is.
        scale: how many times larger it makes each side; 1 for one that only restores.
        input_channels, output_channels: of its pictures.
        size_requirements: what `model` needs; calling this object pads and cuts.
        tags: what tells it from others of its kind.
        supports_half, supports_bfloat16: in which types it computes well, beside float32.
    """

    tiling = "SUPPORTED"

    def __init__(self, network: Network, architecture: Architecture) -> None:
        self.model: nn.Module = network.module
        pause_between_layers(self.model)
        self.architecture = architecture
        self.scale: int = network.scale
        self.input_channels: int = network.input_channels
        self.output_channels: int = network.output_channels
        self.size_requirements: SizeRequirements = network.size_requirements
        self.tags: list[str] = list(network.tags)
        self.supports_half: bool = network.supports_half
        self.supports_bfloat16: bool = network.supports_bfloat16

    @property
    def purpose(self) -> str:
        """ "SR" where it enlarges, "Restoration" where it does not."""
        return "SR" if self.scale > 1 else "Restoration"

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return next(self.model.parameters()).dtype

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Enlarge pictures (batch, input_channels, height, width) in 0..1, and stay within 0..1."""
        height, width = (side * self.scale for side in image.shape[-2:])
        enlarged: Tensor = self.model(self.size_requirements.padded(image))
        return enlarged[..., :height, :width].clamp(0, 1)

    def to(self, *args: Any, **kwargs: Any) -> UpscaleModel:
        """Move it to a device, or have it compute in a dtype, as `torch.nn.Module.to`."""
        self.model.to(*args, **kwargs)
        return self

    def half(self) -> UpscaleModel:
        """Have it compute in float16."""
        return self.to(torch.float16)

    def bfloat16(self) -> UpscaleModel:
        """Have it compute in bfloat16."""
        return self.to(torch.bfloat16)

    def float(self) -> UpscaleModel:
        """Have it compute in float32."""
        return self.to(torch.float32)

    def cpu(self) -> UpscaleModel:
        """Move it to the CPU."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> UpscaleModel:
        """Move it to a CUDA device."""
        self.model.cuda(device)
        return self

    def eval(self) -> UpscaleModel:
        """Have it compute as in use."""
        return self.train(False)

    def train(self, mode: bool = True) -> UpscaleModel:
        """Have it compute as in training, or as in use."""
        self.model.train(mode)
        return self
