"""Vector conditions, of which the usual one is a pooled text embedding and numbers about the picture.

Podell et al., "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis", 2023, section 2.2: each
number is given as Fourier features, as timesteps are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from services.executor.diffusion.models.timesteps import timestep_embedding
from services.executor.diffusion.unclip import PICTURES, NoiseAugmentation

NUMBER_CHANNELS = 256
AESTHETIC_SCORES = {"positive": 6.0, "negative": 2.5}
"""What a picture's aesthetic score is said to be where nobody says it: what the makers of the refiner did."""

_SAME_AS = {"target_width": "width", "target_height": "height"}


class VectorCondition(Protocol):
    """Makes the vector condition of a family."""

    def vector(self, options: Mapping[str, Any], channels: int) -> Tensor:
        """The vector (batch, channels) of a condition.

        Args:
            options: those of a condition; `width` and `height` in pixels are there, while sampling
                `prompt_type` ("positive" or "negative") and `seed` too.
            channels: those that the network takes.

        Raises:
            ValueError: the condition lacks what the vector is made of.
        """


@dataclass(frozen=True)
class VectorLayout:
    """Pooled text, or pictures in its place, then numbers.

    Attributes:
        numbers: names of the options of a condition that hold them, in order.
    """

    numbers: tuple[str, ...]

    @property
    def number_channels(self) -> int:
        """The channels that the numbers take."""
        return NUMBER_CHANNELS * len(self.numbers)

    def vector(self, options: Mapping[str, Any], channels: int) -> Tensor:
        """The vector (batch, channels) of a condition.

        Args:
            options: those of a condition; `pooled_output` (batch, width) or pictures have to be there.
            channels: see `VectorCondition.vector`.

        Raises:
            ValueError: the condition has no pooled embedding, or one of another width.
        """
        width = channels - self.number_channels
        pooled = _pictures(options, width) if options.get(PICTURES) else _text(options, width)
        numbers = torch.tensor([_number(options, name) for name in self.numbers])
        features = timestep_embedding(numbers, NUMBER_CHANNELS).flatten()[None]
        return torch.cat([pooled.float(), features.to(pooled.device).expand(len(pooled), -1)], dim=1)


@dataclass(frozen=True)
class PictureVector:
    """An embedding of pictures and how much noise is in it, zeros for none (see `unclip`).

    Attributes:
        augmentation: adds the noise; None where the model's file does not hold what that takes.
    """

    augmentation: NoiseAugmentation | None = None

    def vector(self, options: Mapping[str, Any], channels: int) -> Tensor:
        """The vector (1, channels) of a condition.

        Raises:
            ValueError: the pictures of the condition cannot be used.
        """
        pictures = options.get(PICTURES)
        if not pictures:
            return torch.zeros(1, channels)
        if self.augmentation is None:
            raise ValueError(f"{PICTURES}: the model's file lacks what prepares pictures (noise_augmentor)")
        return self.augmentation.vector(pictures, options.get("seed") or 0)


def _pictures(options: Mapping[str, Any], width: int) -> Tensor:
    """Pictures in the place of pooled text, which share CLIP's space; models that were trained without noise."""
    augmentation = NoiseAugmentation.of_width(width)
    return augmentation.vector(options[PICTURES], options.get("seed") or 0, merged_noise=0)[:, :width]


def _text(options: Mapping[str, Any], width: int) -> Tensor:
    pooled: Tensor | None = options.get("pooled_output")
    if pooled is None:
        raise ValueError(f"pooled_output: this model needs a pooled text embedding of width {width}, there is none")
    if pooled.shape[-1] != width:
        raise ValueError(
            f"pooled_output: this model needs a pooled text embedding of width {width}, "
            f"that of the conditioning has {pooled.shape[-1]}; was it made by another model's text encoder?"
        )
    return pooled


def _number(options: Mapping[str, Any], name: str) -> float:
    if name == "aesthetic_score":
        return float(options.get(name, AESTHETIC_SCORES[options.get("prompt_type", "positive")]))
    return float(options.get(name, options[_SAME_AS[name]] if name in _SAME_AS else 0))
