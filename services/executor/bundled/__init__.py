"""What comes with the executor: a small checkpoint and an upscaler, so that a first picture needs no download."""

from __future__ import annotations

from pathlib import Path

#: A root of model folders.
MODELS = Path(__file__).parent
