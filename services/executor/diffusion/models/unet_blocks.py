"""The layers of a UNet beside its transformers, and its blocks, with the parameter names of LDM checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.attention import SpatialTransformer
from services.executor.diffusion.models.layers import Conv2d, GroupNorm, Linear
from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UpsampleSpec,
)
from services.executor.diffusion.patches import UNPATCHED, BlockPlace, UNetPatches
from services.executor.diffusion.pauses import pause

RES_NORM_EPS = 1e-5


class ResBlock(nn.Module):
    """Two convolutions with the timestep embedding added between them."""

    def __init__(self, spec: ResBlockSpec) -> None:
        super().__init__()
        narrow, wide = spec.in_channels, spec.out_channels
        self.in_layers = nn.Sequential(
            GroupNorm(narrow, RES_NORM_EPS, spec.group_width), nn.SiLU(), Conv2d(narrow, wide, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), Linear(spec.embedding_dim, wide))
        self.out_layers = nn.Sequential(
            GroupNorm(wide, RES_NORM_EPS, spec.group_width),
            nn.SiLU(),
            nn.Dropout(0.0),
            Conv2d(wide, wide, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if narrow == wide else Conv2d(narrow, wide, 1)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        shift = self.emb_layers(embedding)[:, :, None, None]
        hidden = self.out_layers(self.in_layers(features) + shift)
        out: Tensor = self.skip_connection(features) + hidden
        return out


class Downsample(nn.Module):
    """Halves height and width."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.op(features)
        return out


class Upsample(nn.Module):
    """Brings features to the size of the skip connection they meet next (twice their own, or one less)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        out: Tensor = self.conv(functional.interpolate(features, size=list(size), mode="nearest"))
        return out


def block_of(specs: BlockSpec, place: BlockPlace, transformers: Iterator[int]) -> nn.Sequential:
    """The layers of a block; `transformers` numbers the spatial transformers of the whole network."""
    return nn.Sequential(*(_layer(spec, place, transformers) for spec in specs))


def run_block(
    block: nn.Module,
    hidden: Tensor,
    embedding: Tensor,
    context: Tensor,
    patches: UNetPatches = UNPATCHED,
    size: Sequence[int] | None = None,
) -> Tensor:
    """Features through the layers of a block; `size` (height, width) is what an upsampling layer brings them to."""
    for layer in block.children():
        pause()
        match layer:
            case ResBlock():
                hidden = layer(hidden, embedding)
            case SpatialTransformer():
                hidden = layer(hidden, context, patches)
            case Upsample():
                hidden = layer(hidden, size)
            case _:
                hidden = layer(hidden)
    return hidden


def _layer(spec: LayerSpec, place: BlockPlace, transformers: Iterator[int]) -> nn.Module:
    match spec:
        case ConvSpec():
            return Conv2d(spec.in_channels, spec.out_channels, 3, padding=1)
        case ResBlockSpec():
            return ResBlock(spec)
        case TransformerSpec():
            return SpatialTransformer(spec, place, next(transformers))
        case DownsampleSpec():
            return Downsample(spec.channels)
        case UpsampleSpec():
            return Upsample(spec.channels)
