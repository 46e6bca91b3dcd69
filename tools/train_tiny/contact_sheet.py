"""Pictures side by side in one file, each above its prompt, to be looked at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

GAP = 6  # pixels
LINE_HEIGHT = 13  # pixels
LINES = 3
CHARACTERS = 23  # of a line below a picture of 128 pixels
FONT_SIZE = 10


def save_contact_sheet(pictures: Tensor, prompts: Sequence[str], path: Path, columns: int = 8) -> None:
    """Write pictures (count, 3, height, width) in 0..1 and their prompts as one PNG, row by row."""
    count, _, height, width = pictures.shape
    cell_width, cell_height = width + GAP, height + LINES * LINE_HEIGHT + GAP
    sheet = Image.new("RGB", (columns * cell_width, -(-count // columns) * cell_height), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_SIZE)
    pixels = (pictures.clamp(0, 1) * 255).round().byte().movedim(1, -1).numpy()
    for index, (picture, prompt) in enumerate(zip(pixels, prompts, strict=True)):
        left, top = index % columns * cell_width, index // columns * cell_height
        sheet.paste(Image.fromarray(picture), (left, top))
        for line, words in enumerate(textwrap.wrap(prompt, CHARACTERS)[:LINES]):
            pen.text((left, top + height + line * LINE_HEIGHT), words, fill="black", font=font)
    sheet.save(path, optimize=True)
