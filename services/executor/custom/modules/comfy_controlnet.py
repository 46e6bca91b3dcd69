"""`comfy.controlnet`: the names of control networks, which cannot be loaded yet."""

from __future__ import annotations

from services.executor.custom.modules.later_families import later as _later

globals().update(_later(("ControlBase", "ControlNet", "ControlLora", "T2IAdapter")))
