"""PhotoMaker: the word for a person in a prompt takes on what a picture of them shows.

Li et al., "PhotoMaker: Customizing Realistic Human Photos via Stacked ID Embedding", arXiv:2312.04461.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.clip_vision import ClipVision, ClipVisionSpec
from services.executor.diffusion.models.layers import LayerNorm, Linear


@dataclass(frozen=True)
class PhotoMakerSpec(ClipVisionSpec):
    """The sizes of an encoder of pictures with two projections."""

    second_dim: int = 1280
    """Width of the second embedding; that of both is the width of the prompt's tokens."""

    @property
    def context_dim(self) -> int:
        """Width of a prompt's tokens."""
        return self.embedding_dim + self.second_dim


class PhotoMaker(ClipVision):
    """CLIP's encoder with a second projection, and what puts its embeddings into those of words."""

    def __init__(self, spec: PhotoMakerSpec) -> None:
        super().__init__(spec)
        self.context_dim = spec.context_dim
        self.visual_projection_2 = Linear(spec.width, spec.second_dim, bias=False)
        self.fuse_module = _Fusion(spec.context_dim)

    def fused(self, pictures: Tensor, words: Tensor) -> Tensor:
        """Embeddings of words (number, context_dim), each with what one picture of (number, 3, size, size) shows."""
        states = self.vision_model(pictures)
        whole = self.vision_model.post_layernorm(states[-1][:, 0])
        seen = torch.cat([self.visual_projection(whole), self.visual_projection_2(whole)], dim=-1)
        fused: Tensor = self.fuse_module(words, seen)
        return fused


class _Fusion(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp1 = _Perceptron(width * 2, width)
        self.mlp2 = _Perceptron(width, width)
        self.layer_norm = LayerNorm(width)

    def forward(self, words: Tensor, seen: Tensor) -> Tensor:
        hidden = self.mlp1(torch.cat([words, seen], dim=-1)) + words
        out: Tensor = self.layer_norm(self.mlp2(hidden) + hidden)
        return out


class _Perceptron(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.layernorm = LayerNorm(width_in)
        self.fc1 = Linear(width_in, width_out)
        self.fc2 = Linear(width_out, width_out)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.fc2(functional.gelu(self.fc1(self.layernorm(hidden))))
        return out
