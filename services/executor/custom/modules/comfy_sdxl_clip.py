"""`comfy.sdxl_clip`: the names of Stable Diffusion XL's text encoders, which cannot be loaded yet."""

from __future__ import annotations

from services.executor.custom.modules.later_families import later as _later

globals().update(_later(("SDXLClipModel", "SDXLRefinerClipModel", "SDXLClipG", "SDXLTokenizer", "SDXLClipGTokenizer")))
