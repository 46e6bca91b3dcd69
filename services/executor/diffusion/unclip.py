"""Pictures as the vector condition of a model: what CLIP saw in them, with noise.

Ramesh et al., "Hierarchical Text-Conditional Image Generation with CLIP Latents", arXiv:2204.06125; the noise is that
of Stability AI's unCLIP models, whose configuration says `squaredcos_cap_v2` with 1000 levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.models.timesteps import timestep_embedding

PICTURES = "unclip_conditioning"
"""The option of a condition that holds pictures."""
LEVELS = 1000
#: The share of the noise that several pictures get once more when they are one.
MERGED_NOISE = 0.05

_LARGEST_BETA = 0.999
_OFFSET = 0.008  # keeps the first betas from being too small
#: What is drawn here must not be the latent's own noise.
_SEED_OFFSET = 10


@dataclass(frozen=True, eq=False)
class NoiseAugmentation:
    """Adds noise to embeddings, and says how much.

    Attributes:
        width: of an embedding.
        mean, std: (1, width) of the embeddings of many pictures; noise is added to what is normalised by these.
    """

    width: int
    mean: Tensor
    std: Tensor

    @classmethod
    def of_width(cls, width: int) -> NoiseAugmentation:
        """One that takes embeddings as they are."""
        return cls(width, torch.zeros(1, width), torch.ones(1, width))

    def noised(self, embedding: Tensor, share: float, seed: int) -> Tensor:
        """An embedding (1, width) with a share of the noise, and the waves of its level: (1, 2 * width).

        Raises:
            ValueError: the share is not between 0 and 1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"noise_augmentation: {share} is not between 0 and 1")
        level = round((LEVELS - 1) * share)
        kept = _kept()[level]
        noise = torch.randn(1, self.width, generator=torch.Generator().manual_seed(seed))
        normalised = (embedding - self.mean) / self.std
        noisy = kept.sqrt().float() * normalised + (1 - kept).sqrt().float() * noise
        return torch.cat([noisy * self.std + self.mean, timestep_embedding(torch.tensor([level]), self.width)], dim=1)

    def vector(self, pictures: Sequence[Mapping[str, Any]], seed: int, merged_noise: float = MERGED_NOISE) -> Tensor:
        """The vector (1, 2 * width) of pictures: the embedding of all, and the waves of its noise level.

        Args:
            pictures: each with `clip_vision_output`, `strength` and `noise_augmentation` (0..1).
            seed: of the sampling.
            merged_noise: the share of the noise that the sum of several gets.

        Raises:
            ValueError: they were seen by an encoder with embeddings of another width, or their noise is no share.
        """
        seed -= _SEED_OFFSET
        parts = [
            self.noised(embedding, float(picture["noise_augmentation"]), seed) * float(picture["strength"])
            for picture in pictures
            for embedding in self._embeddings(picture)
        ]
        if len(parts) == 1:
            return parts[0]
        return self.noised(torch.stack(parts).sum(dim=0)[:, : self.width], merged_noise, seed)

    def _embeddings(self, picture: Mapping[str, Any]) -> Iterator[Tensor]:
        embeds: Tensor = picture["clip_vision_output"].image_embeds.float().cpu()
        if embeds.shape[-1] != self.width:
            raise ValueError(
                f"clip_vision_output: the encoder's embeddings are {embeds.shape[-1]} wide, and the model takes "
                f"those of {self.width}; it was trained with another CLIP vision model"
            )
        return iter(embeds.reshape(-1, 1, self.width))


@cache
def _kept() -> Tensor:
    """What is left of a signal's power at each level (LEVELS), float64: Nichol & Dhariwal 2021, arXiv:2102.09672."""

    def power(time: float) -> float:
        return math.cos((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2

    betas = [min(1 - power((step + 1) / LEVELS) / power(step / LEVELS), _LARGEST_BETA) for step in range(LEVELS)]
    return torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), dim=0)
