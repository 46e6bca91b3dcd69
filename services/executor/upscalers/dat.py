"""Transformers of places and of channels in turn: Chen et al. 2023, "DAT", https://arxiv.org/abs/2308.03364."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes, count, shape_of, under
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of
from services.executor.upscalers.dat_attention import ChannelAttention, SpatialAttention
from services.executor.upscalers.reconstruction import reconstruction
from services.executor.upscalers.sizes import SizeRequirements
from services.executor.upscalers.swin_ir import LEAST_SIDE, Group, SwinIR, SwinSpec, own_name

#: What the files call the norm before the first group.
_FIRST_NORM = "before_RG.1."
#: The relative positions in the first windows, of which the last is the farthest.
_POSITIONS = "layers.0.blocks.0.attn.attns.0.rpe_biases"


@dataclass(frozen=True)
class DatSpec(SwinSpec):
    """Sizes of the transformer.

    Attributes:
        split: height and width of the windows.
        biased: whether queries, keys and values have a bias.
    """

    split: tuple[int, int]
    biased: bool


class Gate(nn.Module):
    """Half of the channels, weighted by a convolution of the others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels / 2)."""
        kept, weights = x.chunk(2, dim=-1)
        gated: Tensor = kept * self.conv(self.norm(weights).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return gated


class GatedPerceptron(nn.Module):
    """Two linear layers for each pixel, with a gate between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.sg = Gate(hidden // 2)
        self.fc2 = nn.Linear(hidden // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        out: Tensor = self.fc2(self.sg(functional.gelu(self.fc1(x))))
        return out


class Block(nn.Module):
    """Attention and perceptron, each of what is normalised."""

    def __init__(self, spec: DatSpec, attention: nn.Module) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(spec.width)
        self.attn = attention
        self.norm2 = nn.LayerNorm(spec.width)
        self.ffn = GatedPerceptron(spec.width, spec.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, height, width, channels)."""
        x = x + self.attn(self.norm1(x))
        mixed: Tensor = x + self.ffn(self.norm2(x))
        return mixed


class DatGroup(Group):
    """Blocks of both attentions in turn, and a convolution."""

    def inner(self, spec: SwinSpec, group: int) -> nn.Module:
        """The blocks."""
        assert isinstance(spec, DatSpec)
        return nn.Sequential(*(Block(spec, _attention(spec, group, block)) for block in range(spec.depths[group])))


def _attention(spec: DatSpec, group: int, block: int) -> nn.Module:
    """Every other one is between channels; of the windows every other ones are moved, in odd groups the first."""
    heads = spec.heads[group]
    if block % 2:
        return ChannelAttention(spec.width, heads, biased=spec.biased)
    moved = (block // 2 + group) % 2 == 1
    return SpatialAttention(spec.width, heads, spec.split, moved=moved, biased=spec.biased)


class DAT(SwinIR):
    """SwinIR with such groups."""

    GROUP = DatGroup


def _build(weights: Weights) -> Network:
    high, wide = (int(farthest) + 1 for farthest in weights[_POSITIONS][-1])
    if len(weights[_POSITIONS]) != (2 * high - 1) * (2 * wide - 1):
        raise CheckpointError(f"{_POSITIONS} is not of windows of {high}x{wide} pixels")
    weights = {_own_name(name): tensor for name, tensor in weights.items()}
    spec = _spec(shapes_of(weights), (high, wide))
    last = reconstruction(under(shapes_of(weights), "reconstruction."), spec.width, spec.input_channels)
    return Network(
        module=DAT(spec, last),
        weights=weights,
        scale=last.scale,
        input_channels=spec.input_channels,
        output_channels=spec.input_channels,
        size_requirements=SizeRequirements(LEAST_SIDE),
        tags=(f"{high}x{wide}", f"{spec.width}dim"),
        supports_half=False,
    )


def _own_name(name: str) -> str:
    return own_name(name.replace(_FIRST_NORM, "patch_embed.norm.").replace(".blocks.", ".residual_group."))


def _spec(shapes: Shapes, split: tuple[int, int]) -> DatSpec:
    width, input_channels = shape_of(shapes, "conv_first.weight", 4)[:2]
    groups = [f"layers.{number}.residual_group." for number in range(count(shapes, "layers."))]
    return DatSpec(
        input_channels=input_channels,
        unshuffle=1,
        width=width,
        depths=tuple(count(shapes, group) for group in groups),
        heads=tuple(_heads(shapes, group) for group in groups),
        window=max(split),
        hidden=shape_of(shapes, "layers.0.residual_group.0.ffn.fc1.weight", 2)[0],
        bottlenecked="conv_after_body.0.weight" in shapes,
        embedding_norm=True,
        split=split,
        biased="layers.0.residual_group.0.attn.qkv.bias" in shapes,
    )


def _heads(shapes: Shapes, group: str) -> int:
    """Each branch of the first attention has half of them."""
    return 2 * shape_of(shapes, f"{group}0.attn.attns.0.pos.pos3.2.weight", 2)[0]


ARCHITECTURE = Architecture("DAT", "DAT", has(_POSITIONS, "layers.0.blocks.0.ffn.sg.norm.weight"), _build)
