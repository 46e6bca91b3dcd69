"""Networks that enlarge pictures, built from the names and shapes in their files."""

from __future__ import annotations

from services.executor.upscalers.reading import load_upscaler
from services.executor.upscalers.upscale_model import UpscaleModel

__all__ = ["UpscaleModel", "load_upscaler"]
