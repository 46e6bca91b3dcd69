"""What a network is given as channels beside the latent: what is to be painted over, edited, or followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.batches import repeated

Options = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a condition's channels have to go with.

    Attributes:
        noise: (batch, channels, height, width), as large as the latent that is sampled.
        scale: brings a latent of the autoencoder to the network's space.
        grey: a latent of the network's space (channels,) of a picture that is all grey.
    """

    noise: Tensor
    scale: Callable[[Tensor], Tensor]
    grey: Tensor


class Concatenation(Protocol):
    """Makes the channels."""

    def channels(self, latent_channels: int) -> int:
        """How many there are."""

    def tensor(self, options: Options, sampled: Sampled) -> Tensor:
        """The channels (batch, channels, height, width) of a condition, whose options are given.

        Raises:
            ValueError: an option cannot be used.
        """


class Inpainting:
    """The mask of what is to be painted, and the latent of the picture that is grey there (Rombach et al., 2022).

    Both are those of `InpaintModelConditioning`, or else those that are sampled with. With no mask all is painted.
    """

    def channels(self, latent_channels: int) -> int:
        """One for the mask."""
        return 1 + latent_channels

    def tensor(self, options: Options, sampled: Sampled) -> Tensor:
        """The mask, 0 or 1, then the latent."""
        like = sampled.noise
        mask = next((options[name] for name in ("concat_mask", "denoise_mask") if options.get(name) is not None), None)
        if mask is None:
            grey = sampled.grey.to(like)[:, None, None].expand_as(like)
            return torch.cat([torch.ones_like(like[:, :1]), grey], dim=1)
        mask = mask.reshape(-1, mask.shape[-3] if mask.dim() > 3 else 1, *mask.shape[-2:])[:, :1]
        return torch.cat([fitted(mask, like).round(), _masked_latent(options, sampled)], dim=1)


def _masked_latent(options: Options, sampled: Sampled) -> Tensor:
    if (given := options.get("concat_latent_image")) is not None:
        return fitted(sampled.scale(given), sampled.noise)
    if (own := options.get("latent_image")) is not None:
        return fitted(own, sampled.noise)
    return torch.zeros_like(sampled.noise)


@dataclass(frozen=True)
class Editing:
    """The latent of the picture to be edited (Brooks et al., 2022, https://arxiv.org/abs/2211.09800), zeros for none.

    Attributes:
        scaled: whether it is in the network's space; the first such models had that of the autoencoder.
    """

    scaled: bool = False

    def channels(self, latent_channels: int) -> int:
        """A latent's."""
        return latent_channels

    def tensor(self, options: Options, sampled: Sampled) -> Tensor:
        """The latent."""
        given = options.get("concat_latent_image")
        if given is None:
            return torch.zeros_like(sampled.noise)
        return fitted(sampled.scale(given) if self.scaled else given, sampled.noise)


class Depth:
    """How near each cell is, from -1 (farthest) to 1; everywhere 0 for none (Stable Diffusion 2 depth).

    Nearness is the brightness of `concat_image`, which `SD_4XUpscale_Conditioning` makes of pictures; at a factor of
    0.5 it makes the latent that goes with them too.
    """

    def channels(self, latent_channels: int) -> int:
        """One."""
        return 1

    def tensor(self, options: Options, sampled: Sampled) -> Tensor:
        """The nearness, stretched so that it reaches from -1 to 1."""
        like = sampled.noise
        given = options.get("concat_image")
        if given is None:
            return torch.zeros_like(like[:, :1])
        near = fitted(given.mean(1, keepdim=True), like)
        least, most = near.amin((1, 2, 3), keepdim=True), near.amax((1, 2, 3), keepdim=True)
        return (near - least) / (most - least).clamp_min(torch.finfo(near.dtype).eps) * 2 - 1


def fitted(tensor: Tensor, like: Tensor) -> Tensor:
    """A tensor (batch, channels, height, width) in the height, width and batch of another, on its device.

    What the other's proportions leave over is cut off, the same on both sides.
    """
    tensor = tensor.to(like.device, torch.float32)
    height, width = like.shape[-2:]
    if tensor.shape[-2:] != like.shape[-2:]:
        tensor = functional.interpolate(_in_proportion(tensor, width / height), size=(height, width), mode="bilinear")
    return repeated(tensor, len(like))


def _in_proportion(tensor: Tensor, proportion: float) -> Tensor:
    height, width = tensor.shape[-2:]
    left = max(0, int((width - height * proportion) / 2))
    top = max(0, int((height - width / proportion) / 2))
    return tensor[..., top : height - top, left : width - left]
