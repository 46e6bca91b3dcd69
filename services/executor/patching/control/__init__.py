"""CONTROL_NET: what steers a model from beside it, as nodes and packs know it."""

from __future__ import annotations

from services.executor.patching.control.base import ControlBase, StrengthType
from services.executor.patching.control.control_lora import ControlLora
from services.executor.patching.control.control_net import ControlNet
from services.executor.patching.control.loading import controlnet_of, load_controlnet
from services.executor.patching.control.t2i_adapter import T2IAdapter

__all__ = ["ControlBase", "ControlLora", "ControlNet", "StrengthType", "T2IAdapter", "controlnet_of", "load_controlnet"]
