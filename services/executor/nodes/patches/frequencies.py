"""Frequencies of features and latents, scaled apart."""

from __future__ import annotations

import torch
from torch import Tensor


def frequencies_scaled(planes: Tensor, low: float, high: float, cutoff: int) -> Tensor:
    """Planes (..., height, width) whose frequencies are scaled, in their own dtype.

    Those are low that are at most `cutoff` below and less than that above the constant, in both directions.
    """
    spectrum = torch.fft.fftshift(torch.fft.fft2(planes.float()), dim=(-2, -1))
    height, width = planes.shape[-2:]
    scale = torch.full((height, width), high, device=planes.device)
    rows, columns = (slice(max(0, side // 2 - cutoff), side // 2 + cutoff) for side in (height, width))
    scale[rows, columns] = low
    scaled: Tensor = torch.fft.ifft2(torch.fft.ifftshift(spectrum * scale, dim=(-2, -1))).real.to(planes.dtype)
    return scaled


def low_frequencies_scaled(planes: Tensor, scale: float, cutoff: int) -> Tensor:
    """The same, with the high frequencies as they are."""
    return frequencies_scaled(planes, scale, 1.0, cutoff)
