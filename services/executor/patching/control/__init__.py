"""CONTROL_NET: what steers a model from beside it, as nodes and packs know it."""

from __future__ import annotations

from services.executor.patching.control.base import ControlBase, StrengthType
from services.executor.patching.control.control_net import ControlNet
from services.executor.patching.control.loading import load_controlnet

__all__ = ["ControlBase", "ControlNet", "StrengthType", "load_controlnet"]
