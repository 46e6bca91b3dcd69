"""`comfy.model_patcher`: what a MODEL is, and functions on its options."""

from __future__ import annotations

from services.executor.patching.model_options import create_model_options_clone as create_model_options_clone
from services.executor.patching.model_options import set_model_options_patch_replace as set_model_options_patch_replace
from services.executor.patching.model_options import (
    set_model_options_post_cfg_function as set_model_options_post_cfg_function,
)
from services.executor.patching.model_options import (
    set_model_options_pre_cfg_function as set_model_options_pre_cfg_function,
)
from services.executor.patching.model_patcher import ModelPatcher as ModelPatcher
