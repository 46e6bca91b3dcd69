"""Latents brought to the size of others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.cropping import cropped
from services.executor.nodes.batches import repeated
from services.executor.nodes.limits import check_size

#: Ways to find the new cells, by ComfyUI's names.
METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")

#: Cosine from which two directions count as equal, or as opposite.
ALIGNED = 1 - 1e-5


def scaled_latent(
    latent: Tensor, width: int, height: int, method: str, crop: str, inputs: str = "width, height"
) -> Tensor:
    """Bring latents (batch, channels, ..., height, width) to a size in cells.

    Crop "center" first cuts off what the new proportions leave over, the same on both sides. `inputs` names what asked
    for the size.

    Raises:
        ValueError: unknown method, or the result could not be held.
    """
    if method not in METHODS:
        raise ValueError(f"upscale_method: {method!r} is not one of {', '.join(METHODS)}")
    check_size(inputs, *latent.shape[:-2], height, width)
    if crop == "center":
        latent = cropped(latent, width / height)
    frames = latent.movedim(1, -3).reshape(-1, latent.shape[1], *latent.shape[-2:])
    if method == "bislerp":
        found = slerped(slerped(frames.float(), width, -1), height, -2).to(latent.dtype)
    else:
        found = functional.interpolate(frames, size=(height, width), mode=method)
    in_frames = (latent.shape[0], *latent.shape[2:-2], latent.shape[1], height, width)
    return found.reshape(in_frames).movedim(-3, 1)


def check_channels(latent: Tensor, other: Tensor, inputs: str) -> None:
    """Refuse a latent that is for another model; `inputs` names it.

    Raises:
        ValueError: it has not the channels, or not the frames, of the other.
    """
    own, wanted = latent.shape[1:-2], other.shape[1:-2]
    if own != wanted:
        raise ValueError(f"{inputs}: a latent of {_words(own)} does not go with one of {_words(wanted)}")


def _words(depth: Sequence[int]) -> str:
    channels, *frames = depth
    return " x ".join([f"{channels} channels", *(f"{count} frames" for count in frames)])


def like(latent: Tensor, other: Tensor, *, batch: bool = True) -> Tensor:
    """Bring a latent to the size of another, and to its batch where asked for.

    Raises:
        ValueError: it is empty or for another model; the message calls it samples2.
    """
    check_channels(latent, other, "samples2")
    if latent.shape[1:] != other.shape[1:]:
        latent = scaled_latent(latent, other.shape[-1], other.shape[-2], "bilinear", "center", "samples2")
    return repeated(latent, len(other), "samples2") if batch else latent


def slerped(latent: Tensor, length: int, dim: int) -> Tensor:
    """Bring one dimension of latents (batch, channels, height, width) to a length, turning from cell to cell.

    Between two cells the vector of channels runs along the arc between theirs (Shoemake 1985) while its norm goes
    linearly, which keeps the contrast that interpolating the channels alone would lose.
    """
    places = ((torch.arange(length, dtype=torch.float32) + 0.5) * (latent.shape[dim] / length) - 0.5).to(latent.device)
    places = places.clamp(0, latent.shape[dim] - 1)
    before = places.long()
    after = (before + 1).clamp(max=latent.shape[dim] - 1)
    share = (places - before).reshape([-1 if axis == dim else 1 for axis in range(-latent.ndim, 0)])
    return _slerp(latent.index_select(dim, before), latent.index_select(dim, after), share)


def _slerp(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    one_norm, other_norm = one.norm(dim=1, keepdim=True), other.norm(dim=1, keepdim=True)
    one_direction, other_direction = _divided(one, one_norm), _divided(other, other_norm)
    cosine = (one_direction * other_direction).sum(dim=1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    arc = (((1 - share) * angle).sin() * one_direction + (share * angle).sin() * other_direction) / sine
    turned = arc * (one_norm * (1 - share) + other_norm * share)
    straight = one * (1 - share) + other * share
    return torch.where(cosine > ALIGNED, one, torch.where(cosine < -ALIGNED, straight, turned))


def _divided(vectors: Tensor, norms: Tensor) -> Tensor:
    return torch.where(norms == 0, 0.0, vectors / norms)
