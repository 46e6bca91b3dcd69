"""What a UNet is made of: one record per layer, in the order of the blocks of the LDM layout."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class ConvSpec:
    """A plain 3x3 convolution (the first input block)."""

    in_channels: int
    out_channels: int


@dataclass(frozen=True)
class ResBlockSpec:
    """A residual block conditioned on the timestep embedding."""

    in_channels: int
    out_channels: int
    embedding_dim: int
    group_width: int = 1
    """Least number of channels in a group of the group normalisations."""


@dataclass(frozen=True)
class TransformerSpec:
    """A spatial transformer of `depth` blocks."""

    channels: int
    depth: int
    context_dim: int
    heads: int
    linear_projection: bool
    """Whether proj_in and proj_out are linear layers (SD 2, SDXL) or 1x1 convolutions (SD 1)."""
    group_width: int = 1
    attends_itself: bool = True
    """Whether its first attention is to itself; to the prompt, as the second is, where it is not."""


@dataclass(frozen=True)
class DownsampleSpec:
    """A convolution of stride 2."""

    channels: int


@dataclass(frozen=True)
class UpsampleSpec:
    """Nearest-neighbour doubling and a convolution."""

    channels: int


LayerSpec = ConvSpec | ResBlockSpec | TransformerSpec | DownsampleSpec | UpsampleSpec
BlockSpec = tuple[LayerSpec, ...]


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """The half of a UNet that makes its features smaller, with the middle."""

    in_channels: int
    model_channels: int
    context_dim: int
    input_blocks: tuple[BlockSpec, ...]
    middle_block: BlockSpec
    adm_channels: int | None = None
    """Width of the vector condition (SDXL: pooled text and sizes), None where the model takes none."""
    classes: int | None = None
    """How many numbers there are of which a model is given one (SD 2 upscaler: noise), None where it is given none."""
    group_width: int = 1

    @property
    def embedding_dim(self) -> int:
        """Width of the timestep embedding."""
        return self.model_channels * 4

    @property
    def linear_projection(self) -> bool:
        """Whether linear layers stand around its transformers."""
        layers = itertools.chain(*self.input_blocks, self.middle_block)
        return any(layer.linear_projection for layer in layers if isinstance(layer, TransformerSpec))

    @property
    def attends_before_downsampling(self) -> bool:
        """Whether it has transformers where features are as large as the latent."""
        for layer in itertools.chain(*self.input_blocks):
            if isinstance(layer, TransformerSpec | DownsampleSpec):
                return isinstance(layer, TransformerSpec)
        return False


@dataclass(frozen=True, kw_only=True)
class UNetSpec(EncoderSpec):
    """A whole UNet in the LDM layout."""

    out_channels: int
    output_blocks: tuple[BlockSpec, ...]
