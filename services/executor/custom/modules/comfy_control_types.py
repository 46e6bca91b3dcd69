"""`comfy.cldm.control_types`: the kinds of pictures that a union network knows."""

from __future__ import annotations

from services.executor.diffusion.control.union import UNION_CONTROLNET_TYPES as UNION_CONTROLNET_TYPES
