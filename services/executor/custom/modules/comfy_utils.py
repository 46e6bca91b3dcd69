"""`comfy.utils`: progress, weights in files, sizes of tensors."""

from __future__ import annotations

from services.executor.custom.modules.progress_bar import (
    PROGRESS_BAR_ENABLED,
    ProgressBar,
    set_progress_bar_enabled,
    set_progress_bar_global_hook,
)
from services.executor.custom.modules.state_dicts import (
    calculate_parameters,
    convert_sd_to,
    copy_to_param,
    get_attr,
    load_torch_file,
    safetensors_header,
    save_torch_file,
    set_attr,
    set_attr_param,
    state_dict_key_replace,
    state_dict_prefix_replace,
    weight_dtype,
)
from services.executor.custom.modules.tensors import (
    bislerp,
    common_upscale,
    get_tiled_scale_steps,
    lanczos,
    repeat_to_batch_size,
    reshape_mask,
    resize_list_to_batch_size,
    resize_to_batch_size,
    string_to_seed,
    tiled_scale,
    tiled_scale_multidim,
)

__all__ = [
    "PROGRESS_BAR_ENABLED",
    "ProgressBar",
    "bislerp",
    "calculate_parameters",
    "common_upscale",
    "convert_sd_to",
    "copy_to_param",
    "get_attr",
    "get_tiled_scale_steps",
    "lanczos",
    "load_torch_file",
    "repeat_to_batch_size",
    "reshape_mask",
    "resize_list_to_batch_size",
    "resize_to_batch_size",
    "safetensors_header",
    "save_torch_file",
    "set_attr",
    "set_attr_param",
    "set_progress_bar_enabled",
    "set_progress_bar_global_hook",
    "state_dict_key_replace",
    "state_dict_prefix_replace",
    "string_to_seed",
    "tiled_scale",
    "tiled_scale_multidim",
    "weight_dtype",
]
