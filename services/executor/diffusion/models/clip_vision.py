"""CLIP's encoder of pictures, with the parameter names of Hugging Face checkpoints (`vision_model.…`).

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", arXiv:2103.00020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.clip_transformer import ClipTransformer, ClipTransformerSpec
from services.executor.diffusion.models.layers import Conv2d, LayerNorm, Linear

PENULTIMATE = -2


@dataclass(frozen=True)
class ClipVisionSpec(ClipTransformerSpec):
    """The sizes of an encoder of pictures."""

    patch: int = 14
    """Side in pixels of the squares that a picture is cut into."""
    grid: int = 16
    """How many of them lie along one side of a picture."""
    projection_dim: int | None = None
    """Width of the embedding, None where the file holds no projection."""

    @property
    def image_size(self) -> int:
        """Side in pixels of the pictures that it takes."""
        return self.patch * self.grid

    @property
    def embedding_dim(self) -> int:
        """Width of the embedding; without a projection it is that of the transformer."""
        return self.width if self.projection_dim is None else self.projection_dim


class ClipVisionOutput(NamedTuple):
    """What is seen in pictures; tokens are one for the whole picture, then one for each patch."""

    last_hidden_state: Tensor
    """(batch, tokens, width), of the last layer."""
    intermediate: Tensor
    """(batch, tokens, width), of the layer asked for."""
    image_embeds: Tensor
    """(batch, embedding_dim), the whole picture in the space that CLIP shares with texts."""


class ClipVision(nn.Module):
    """A transformer over the patches of a picture."""

    def __init__(self, spec: ClipVisionSpec) -> None:
        super().__init__()
        self.spec = spec
        self.vision_model = _VisionModel(spec)
        if spec.projection_dim is not None:
            self.visual_projection = Linear(spec.width, spec.projection_dim, bias=False)

    def forward(self, pixel_values: Tensor, intermediate_output: int | None = PENULTIMATE) -> ClipVisionOutput:
        """Encode pictures (batch, 3, image_size, image_size), prepared as `clip_pictures` says, in their dtype.

        `intermediate_output` is the layer to give besides the last one, counted from the end; None is the last one.
        """
        states = self.vision_model(pixel_values)
        whole = self.vision_model.post_layernorm(states[-1][:, 0])
        embeds = whole if self.spec.projection_dim is None else self.visual_projection(whole)
        return ClipVisionOutput(states[-1], states[-1 if intermediate_output is None else intermediate_output], embeds)


class _VisionModel(nn.Module):
    def __init__(self, spec: ClipVisionSpec) -> None:
        super().__init__()
        self.embeddings = _Embeddings(spec)
        self.pre_layrnorm = LayerNorm(spec.width)  # the name of the published weights
        self.encoder = ClipTransformer(spec)
        self.post_layernorm = LayerNorm(spec.width)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        states: list[Tensor] = self.encoder(self.pre_layrnorm(self.embeddings(pictures)))
        return states


class _Embeddings(nn.Module):
    def __init__(self, spec: ClipVisionSpec) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(spec.width))
        self.patch_embedding = Conv2d(3, spec.width, spec.patch, stride=spec.patch, bias=False)
        self.position_embedding = nn.Embedding(spec.grid**2 + 1, spec.width)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patch_embedding(pictures).flatten(2).transpose(1, 2)
        whole = self.class_embedding.to(patches).expand(len(patches), 1, -1)
        return torch.cat([whole, patches], dim=1) + self.position_embedding.weight.to(patches)
