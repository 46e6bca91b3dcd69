"""The UNet of Stable Diffusion 1, 2 and XL, with the parameter names of LDM checkpoints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.attention import SpatialTransformer
from services.executor.diffusion.models.layers import Conv2d, GroupNorm, Linear
from services.executor.diffusion.models.timesteps import timestep_embedding
from services.executor.diffusion.models.unet_spec import (
    BlockSpec,
    ConvSpec,
    DownsampleSpec,
    LayerSpec,
    ResBlockSpec,
    TransformerSpec,
    UNetSpec,
    UpsampleSpec,
)
from services.executor.diffusion.patches import UNPATCHED, BlockPlace, UNetPatches

MIDDLE = BlockPlace("middle", 0)
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


class UNet(nn.Module):
    """A UNet over latents, conditioned on a timestep, a prompt and optionally a vector."""

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        self.spec = spec
        width = spec.embedding_dim
        self.time_embed = _perceptron(spec.model_channels, width)
        if spec.adm_channels is not None:
            self.label_emb = nn.Sequential(_perceptron(spec.adm_channels, width))
        transformers = itertools.count()
        self.input_blocks = nn.ModuleList(
            _block(block, BlockPlace("input", number), transformers) for number, block in enumerate(spec.input_blocks)
        )
        self.middle_block = _block(spec.middle_block, MIDDLE, transformers)
        self.output_blocks = nn.ModuleList(
            _block(block, BlockPlace("output", number), transformers) for number, block in enumerate(spec.output_blocks)
        )
        self.out = nn.Sequential(
            GroupNorm(spec.model_channels, RES_NORM_EPS, spec.group_width),
            nn.SiLU(),
            Conv2d(spec.model_channels, spec.out_channels, 3, padding=1),
        )

    def forward(
        self,
        latent: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
        patches: UNetPatches = UNPATCHED,
    ) -> Tensor:
        """The model's raw prediction.

        Takes latents (batch, channels, height, width), timesteps (batch) in 0..999 (fractions allowed),
        context (batch, tokens, context_dim) and, for models with a vector condition, vectors (batch, adm_channels).
        Computes in the dtype of `latent`.
        """
        embedding = patches.embedding(self._embedding(latent, timesteps, vector), self.spec.model_channels)
        hidden = latent
        skips: list[Tensor] = []
        for number, block in enumerate(self.input_blocks):
            place = BlockPlace("input", number)
            hidden = patches.after_input_block(place, _run(block, hidden, embedding, context, patches))
            skips.append(hidden)
            hidden = patches.after_skip(place, hidden)
        hidden = patches.after_middle_block(MIDDLE, _run(self.middle_block, hidden, embedding, context, patches))
        for number, block in enumerate(self.output_blocks):
            hidden, skip = patches.before_output_block(BlockPlace("output", number), hidden, skips.pop())
            hidden = torch.cat([hidden, skip], dim=1)
            size = skips[-1].shape[-2:] if skips else hidden.shape[-2:]
            hidden = _run(block, hidden, embedding, context, patches, size)
        out: Tensor = self.out(hidden)
        return out

    def _embedding(self, latent: Tensor, timesteps: Tensor, vector: Tensor | None) -> Tensor:
        waves = timestep_embedding(timesteps, self.spec.model_channels)
        embedding: Tensor = self.time_embed(waves.to(latent.dtype))
        if self.spec.adm_channels is not None:
            if vector is None:
                raise ValueError(f"this UNet needs a vector condition of width {self.spec.adm_channels}")
            embedding = embedding + self.label_emb(vector.to(latent.dtype))
        return embedding


def _run(
    block: nn.Module,
    hidden: Tensor,
    embedding: Tensor,
    context: Tensor,
    patches: UNetPatches,
    size: Sequence[int] | None = None,
) -> Tensor:
    for layer in block.children():
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


def _block(specs: BlockSpec, place: BlockPlace, transformers: Iterator[int]) -> nn.Sequential:
    return nn.Sequential(*(_layer(spec, place, transformers) for spec in specs))


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


def _perceptron(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(Linear(width_in, width_out), nn.SiLU(), Linear(width_out, width_out))
