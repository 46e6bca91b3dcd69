"""The half of a UNet that makes its features smaller, with the middle: what UNets and control networks share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.layers import Linear
from services.executor.diffusion.models.timesteps import timestep_embedding
from services.executor.diffusion.models.unet_blocks import block_of
from services.executor.diffusion.models.unet_spec import EncoderSpec
from services.executor.diffusion.patches import BlockPlace

MIDDLE = BlockPlace("middle", 0)


class UNetEncoder(nn.Module):
    """The layers; subclasses say how features run through them.

    `transformers` numbers the spatial transformers, for subclasses that have more of them.
    """

    def __init__(self, spec: EncoderSpec, transformers: Iterator[int] | None = None) -> None:
        super().__init__()
        self.spec = spec
        transformers = itertools.count() if transformers is None else transformers
        width = spec.embedding_dim
        self.time_embed = perceptron(spec.model_channels, width)
        if spec.adm_channels is not None:
            self.label_emb: nn.Module = nn.Sequential(perceptron(spec.adm_channels, width))
        elif spec.classes is not None:
            self.label_emb = nn.Embedding(spec.classes, width)
        self.input_blocks = nn.ModuleList(
            block_of(block, BlockPlace("input", number), transformers) for number, block in enumerate(spec.input_blocks)
        )
        self.middle_block = block_of(spec.middle_block, MIDDLE, transformers)

    def embedding(self, timesteps: Tensor, vector: Tensor | None, dtype: torch.dtype) -> Tensor:
        """The embedding (batch, width) of timesteps (batch) and, where there is one, the vector condition."""
        waves = timestep_embedding(timesteps, self.spec.model_channels)
        embedding: Tensor = self.time_embed(waves.to(dtype))
        if self.spec.adm_channels is None and self.spec.classes is None:
            return embedding
        if vector is None:
            raise ValueError(f"this network needs a vector condition of width {self.spec.adm_channels or 1}")
        given = vector.to(dtype) if self.spec.classes is None else vector[:, 0].round().long()
        label: Tensor = self.label_emb(given)
        return embedding + label.to(dtype)


def perceptron(width_in: int, width_out: int) -> nn.Sequential:
    """Two linear layers, as embeddings go through them."""
    return nn.Sequential(Linear(width_in, width_out), nn.SiLU(), Linear(width_out, width_out))
