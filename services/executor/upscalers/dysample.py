"""Enlarging by looking up features at places that the features themselves say.

Liu et al. 2023, "Learning to Upsample by Learning to Sample", https://arxiv.org/abs/2308.15085.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: How far from its own place a pixel may be looked up, in pixels.
REACH = 0.5


class DySample(nn.Module):
    """Each of `groups` of the channels is looked up at `scale` x `scale` places for each pixel."""

    def __init__(self, channels: int, output_channels: int, scale: int, groups: int, *, mixed: bool) -> None:
        super().__init__()
        self.scale, self.groups = scale, groups
        places = 2 * groups * scale**2
        self.offset = nn.Conv2d(channels, places, 1)
        self.scope = nn.Conv2d(channels, places, 1, bias=False)
        self.register_buffer("init_pos", torch.empty(1, places, 1, 1))
        self.end_conv = nn.Conv2d(channels, output_channels, 1) if mixed else None

    init_pos: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, output_channels, height * scale, width * scale)."""
        batch, _, height, width = x.shape
        offsets = self.offset(x) * self.scope(x).sigmoid() * REACH + self.init_pos
        offsets = functional.pixel_shuffle(offsets.view(batch, -1, height, width), self.scale)
        right, down = offsets.view(batch, 2, self.groups, height * self.scale, width * self.scale).unbind(1)
        columns, rows = (_middles(length, self.scale).to(x) for length in (width, height))
        places = torch.stack(((columns + right) * 2 / width - 1, (rows[:, None] + down) * 2 / height - 1), -1)
        grouped = x.reshape(batch * self.groups, -1, height, width)
        found = functional.grid_sample(grouped, places.flatten(0, 1), padding_mode="border", align_corners=False)
        found = found.view(batch, -1, *found.shape[-2:])
        return found if self.end_conv is None else self.end_conv(found)


def _middles(length: int, scale: int) -> Tensor:
    """For each of the new pixels the middle of the pixel that it is in."""
    return (torch.arange(length) + 0.5).repeat_interleave(scale)
