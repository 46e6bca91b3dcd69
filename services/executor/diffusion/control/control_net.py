"""ControlNet: a copy of a UNet's encoder that is also shown a picture, and adds to the features of the UNet.

Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", 2023, https://arxiv.org/abs/2302.05543.
Parameter names are those of the files published with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.control.residuals import Residuals
from services.executor.diffusion.models.layers import Conv2d
from services.executor.diffusion.models.precision import computing_dtype
from services.executor.diffusion.models.unet_blocks import run_block
from services.executor.diffusion.models.unet_encoder import UNetEncoder
from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    EncoderSpec,
    ResBlockSpec,
    TransformerSpec,
    UpsampleSpec,
)

HINT_STRIDES = (1, 1, 2, 1, 2, 1, 2, 1)
"""Of the convolutions that bring a picture to the size of its latent."""


@dataclass(frozen=True)
class ControlNetSpec:
    """What a control network is made of."""

    encoder: EncoderSpec
    hint_widths: tuple[int, ...]
    """Channels of the picture, then those that each convolution but the last makes of it."""


class ControlNet(UNetEncoder):
    """Makes residuals for the output blocks and the middle of a UNet.

    Attributes:
        spec: of the encoder that it is a copy of.
        hint_channels: of the pictures that it is shown.
    """

    def __init__(self, spec: ControlNetSpec) -> None:
        super().__init__(spec.encoder)
        self.hint_channels = spec.hint_widths[0]
        self.input_hint_block = _hint_encoder((*spec.hint_widths, spec.encoder.model_channels))
        widths = [channels_of(block) for block in spec.encoder.input_blocks]
        self.zero_convs = nn.ModuleList(nn.Sequential(Conv2d(width, width, 1)) for width in widths)
        self.middle_block_out = nn.Sequential(Conv2d(widths[-1], widths[-1], 1))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return next(self.parameters()).dtype

    def forward(
        self,
        x: Tensor,
        hint: Tensor,
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        **kwargs: Any,
    ) -> Residuals:
        """What is added to the features of a UNet, see `residuals.py`; all are new lists.

        Takes latents, timesteps, context and vector as the UNet does, and a hint (1 or batch, channels, height * 8,
        width * 8). Computes in the dtype of x.
        """
        embedding = self.embedding(timesteps, y, x.dtype)
        guide = self.guide(hint.to(x.dtype))
        return self._residuals(x, guide, embedding, context)

    def guide(self, hint: Tensor) -> Tensor:
        """The features (batch, channels, height, width) of hints, which are added to those of the first block."""
        encoded: Tensor = self.input_hint_block(hint)
        return encoded

    def _residuals(self, x: Tensor, guide: Tensor, embedding: Tensor, context: Tensor) -> Residuals:
        first, *others = self.input_blocks
        hidden = run_block(first, x, embedding, context) + guide
        found = [self.zero_convs[0](hidden)]
        for block, zero_conv in zip(others, list(self.zero_convs)[1:], strict=True):
            hidden = run_block(block, hidden, embedding, context)
            found.append(zero_conv(hidden))
        hidden = run_block(self.middle_block, hidden, embedding, context)
        return {"middle": [self.middle_block_out(hidden)], "output": found}


def channels_of(block: BlockSpec) -> int:
    """The channels that a block gives."""
    match block[-1]:
        case ConvSpec(out_channels=channels) | ResBlockSpec(out_channels=channels):
            return channels
        case TransformerSpec(channels=channels) | DownsampleSpec(channels) | UpsampleSpec(channels):
            return channels


def _hint_encoder(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for (narrow, wide), stride in zip(itertools.pairwise(widths), HINT_STRIDES, strict=True):
        layers += [Conv2d(narrow, wide, 3, stride=stride, padding=1), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def compute_dtype(network: nn.Module) -> torch.dtype:
    """The dtype a network computes in where it is, see `precision.py`."""
    weight = next(network.parameters())
    return computing_dtype(weight.dtype, weight.device)
