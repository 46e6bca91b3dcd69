"""GLIGEN: phrases grounded in boxes, which a UNet's features attend to by layers of their own.

Li et al., "GLIGEN: Open-Set Grounded Text-to-Image Generation", 2023, https://arxiv.org/abs/2301.07093, section 4.
Parameter names are those of the published files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.attention import CrossAttention, FeedForward
from services.executor.diffusion.models.layers import LayerNorm, Linear
from services.executor.diffusion.patches import TransformerPlace

MOST_BOXES = 30
FOURIER_TEMPERATURE = 100.0
HEADS = 8  # as in Stable Diffusion 1, which all published ones are for
SIDES = 4  # left, top, right and bottom of a box

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of the picture's width and height."""


@dataclass(frozen=True)
class GligenSpec:
    """What it is made of."""

    text_width: int
    """Of the embedding of a phrase."""
    frequencies: int
    """Of the Fourier features of each side of a box."""
    inner_width: int
    ground_width: int
    """Of what the UNet's features attend to."""
    places: Mapping[str, TransformerPlace]
    """The transformer blocks that it has layers for, by names of its own."""


class Gligen(nn.Module):
    """Makes grounds of phrases and boxes, and has features attend to them."""

    def __init__(self, spec: GligenSpec) -> None:
        super().__init__()
        self.spec = spec
        self.position_net = _PositionNet(spec)
        self.fusers = nn.ModuleDict(
            {name: GatedSelfAttention(place, spec.ground_width) for name, place in spec.places.items()}
        )
        self._by_place: dict[tuple[str, int, int], str] = {
            (place.block.stage, place.block.number, place.depth): name for name, place in spec.places.items()
        }

    def grounds(self, boxes: Sequence[Box], phrases: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
        """What features attend to (1, MOST_BOXES, ground_width); places that no box takes are grounds of nothing.

        Args:
            phrases: an embedding (text_width,) for each box.

        Raises:
            ValueError: there are more boxes than it was trained with.
        """
        if len(boxes) > MOST_BOXES:
            raise ValueError(f"gligen: it takes at most {MOST_BOXES} boxes, and was given {len(boxes)}")
        device = next(self.parameters()).device
        sides = torch.zeros(1, MOST_BOXES, SIDES)
        texts = torch.zeros(1, MOST_BOXES, self.spec.text_width)
        taken = torch.zeros(1, MOST_BOXES, 1)
        for place, (box, phrase) in enumerate(zip(boxes, phrases, strict=True)):
            sides[0, place], texts[0, place], taken[0, place] = torch.tensor(box), phrase.float().cpu(), 1
        grounds: Tensor = self.position_net(*(part.to(device, dtype) for part in (sides, texts, taken)))
        return grounds

    def fuser(self, stage: str, number: int, depth: int) -> GatedSelfAttention | None:
        """The layers for a transformer block, None where there are none."""
        name = self._by_place.get((stage, number, depth))
        return None if name is None else self.fusers[name]  # type: ignore[return-value]


class GatedSelfAttention(nn.Module):
    """Has features attend to each other and to grounds, as much as its gates let through (equation 8)."""

    def __init__(self, place: TransformerPlace, ground_width: int) -> None:
        super().__init__()
        channels = place.heads * place.head_dim
        self.channels = channels
        self.linear = Linear(ground_width, channels)
        self.attn = CrossAttention("attn1", place, channels, channels)
        self.ff = FeedForward(channels)
        self.norm1 = LayerNorm(channels)
        self.norm2 = LayerNorm(channels)
        self.alpha_attn = nn.Parameter(torch.tensor(0.0))
        self.alpha_dense = nn.Parameter(torch.tensor(0.0))

    def forward(self, hidden: Tensor, grounds: Tensor) -> Tensor:
        """Features (batch, tokens, channels) and grounds (batch, boxes, ground_width) to features."""
        tokens = torch.cat([hidden, self.linear(grounds)], dim=1)
        attended = self.attn(self.norm1(tokens))[:, : hidden.shape[1]]
        hidden = hidden + self.alpha_attn.to(hidden).tanh() * attended
        out: Tensor = hidden + self.alpha_dense.to(hidden).tanh() * self.ff(self.norm2(hidden))
        return out


class _PositionNet(nn.Module):
    def __init__(self, spec: GligenSpec) -> None:
        super().__init__()
        self.frequencies = spec.frequencies
        position_width = spec.frequencies * 2 * SIDES
        self.linears = nn.Sequential(
            Linear(spec.text_width + position_width, spec.inner_width),
            nn.SiLU(),
            Linear(spec.inner_width, spec.inner_width),
            nn.SiLU(),
            Linear(spec.inner_width, spec.ground_width),
        )
        self.null_positive_feature = nn.Parameter(torch.zeros(spec.text_width))
        self.null_position_feature = nn.Parameter(torch.zeros(position_width))

    def forward(self, sides: Tensor, texts: Tensor, taken: Tensor) -> Tensor:
        texts = torch.lerp(self.null_positive_feature.to(texts).expand_as(texts), texts, taken)
        positions = self._fourier(sides)
        positions = torch.lerp(self.null_position_feature.to(positions).expand_as(positions), positions, taken)
        out: Tensor = self.linears(torch.cat([texts, positions], dim=-1))
        return out

    def _fourier(self, sides: Tensor) -> Tensor:
        waves = []
        for number in range(self.frequencies):
            angles = sides * FOURIER_TEMPERATURE ** (number / self.frequencies)
            waves += [angles.sin(), angles.cos()]
        return torch.cat(waves, dim=-1)
