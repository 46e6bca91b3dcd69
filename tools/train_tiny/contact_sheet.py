"""Pictures side by side in one file, to be looked at."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

GAP = 4  # pixels


def save_contact_sheet(pictures: Tensor, path: Path, columns: int = 8) -> None:
    """Write pictures (count, 3, height, width) in 0..1 as one PNG, row by row."""
    count, _, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = torch.ones(3, rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    for index, picture in enumerate(pictures):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        sheet[:, top : top + height, left : left + width] = picture
    pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(pixels).save(path, optimize=True)
