"""Modules of ComfyUI that packs import at their top and use in some node or other: there, with nothing in them.

So a pack loads, and only the nodes that need them fail, by the name of what they wanted.
"""

from __future__ import annotations

EMPTY_MODULES = (
    *("comfy.audio_encoders", "comfy.audio_encoders.audio_encoders", "comfy.checkpoint_pickle"),
    *("comfy.clip_model", "comfy.context_windows"),
    *("comfy.diffusers_convert", "comfy.diffusers_load", "comfy.extra_samplers"),
    *("comfy.extra_samplers.uni_pc", "comfy.float", "comfy.k_diffusion.deis"),
    *("comfy.k_diffusion.sa_solver", "comfy.k_diffusion.utils", "comfy.ldm.common_dit", "comfy.ldm.flux"),
    *("comfy.ldm.flux.layers", "comfy.ldm.flux.math", "comfy.ldm.flux.model", "comfy.ldm.lightricks"),
    *("comfy.ldm.lightricks.model", "comfy.ldm.models", "comfy.ldm.models.autoencoder"),
    *("comfy.ldm.modules.diffusionmodules.mmdit", "comfy.ldm.modules.diffusionmodules.model"),
    *("comfy.ldm.modules.diffusionmodules.util", "comfy.ldm.modules.sub_quadratic_attention", "comfy.ldm.util"),
    *("comfy.ldm.wan", "comfy.ldm.wan.model", "comfy.lora_convert"),
    *("comfy.options", "comfy.rmsnorm"),
    *("comfy.taesd",),
    *("comfy.weight_adapter", "comfy_execution.caching"),
)
