"""Noise levels as nodes see them, one for each latent on the device, and as samplers do, one number on the host."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rows_of(sigma: Tensor, x: Tensor) -> Tensor:
    """One level (0-dim, CPU) for each of the latents x, on their device, from where it can be had back unread."""
    rows: Any = torch.full((len(x),), float(sigma), device=x.device)
    rows.host_level = sigma
    found: Tensor = rows
    return found


def level_of(rows: Tensor) -> Tensor:
    """The level (0-dim, CPU) of rows; the rows themselves (CPU) where they differ.

    Reading rows that did not come from `rows_of` waits for the device.
    """
    known: Tensor | None = getattr(rows, "host_level", None)
    if known is not None:
        return known
    levels = rows.detach().float().cpu().reshape(-1)
    return levels[0] if bool((levels == levels[0]).all()) else levels
