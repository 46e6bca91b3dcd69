"""A plain row of convolutions before one pixel shuffle: Wang et al. 2021, "Real-ESRGAN", https://arxiv.org/abs/2107.10833,
in the small form that its authors call SRVGGNetCompact.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import count, shape_of
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of, shuffled_scale


class SRVGGNetCompact(nn.Module):
    """Convolutions and PReLUs in turn, whose result is added to the input's nearest pixels."""

    def __init__(self, input_channels: int, output_channels: int, channels: int, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.body = nn.Sequential(nn.Conv2d(input_channels, channels, 3, padding=1), nn.PReLU(channels))
        for _ in range(convolutions):
            self.body.append(nn.Conv2d(channels, channels, 3, padding=1)).append(nn.PReLU(channels))
        self.body.append(nn.Conv2d(channels, output_channels * scale**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, output_channels, height * scale, width * scale)."""
        details = functional.pixel_shuffle(self.body(x), self.scale)
        return details + functional.interpolate(x, scale_factor=self.scale, mode="nearest")


def _build(weights: Weights) -> Network:
    shapes = shapes_of(weights)
    last = count(shapes, "body.") - 1
    channels, input_channels = shape_of(shapes, "body.0.weight", 4)[:2]
    scale, output_channels = shuffled_scale(shape_of(shapes, f"body.{last}.weight", 4)[0], likely=input_channels)
    convolutions = (last - 2) // 2
    return Network(
        module=SRVGGNetCompact(input_channels, output_channels, channels, convolutions, scale),
        weights=weights,
        scale=scale,
        input_channels=input_channels,
        output_channels=output_channels,
        tags=(f"{channels}nf", f"{convolutions}nc"),
    )


ARCHITECTURE = Architecture("Compact", "RealESRGAN Compact", has("body.0.weight", "body.1.weight"), _build)
