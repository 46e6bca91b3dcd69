"""`comfy.cli_args`: the flags that packs look at, at the values that fit this platform."""

from __future__ import annotations

import enum
from argparse import Namespace


class LatentPreviewMethod(enum.Enum):
    """How unfinished latents are shown."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"

    @classmethod
    def from_string(cls, value: str) -> LatentPreviewMethod | None:
        """The method of a name, None where there is none."""
        return next((method for method in cls if method.value == value), None)


args = Namespace(
    base_directory=None,
    cpu=False,
    deterministic=False,
    directml=None,
    disable_all_custom_nodes=False,
    disable_metadata=False,
    disable_xformers=True,
    enable_cors_header=None,
    fast=set(),
    force_channels_last=False,
    force_fp16=False,
    force_fp32=False,
    front_end_version="",
    gpu_only=False,
    highvram=False,
    listen="127.0.0.1",
    lowvram=False,
    multi_user=False,
    normalvram=False,
    novram=False,
    output_directory=None,
    input_directory=None,
    temp_directory=None,
    user_directory=None,
    port=8188,
    preview_method=LatentPreviewMethod.Auto,
    preview_size=512,
    quick_test_for_ci=False,
    use_pytorch_cross_attention=True,
    use_sage_attention=False,
    use_split_cross_attention=False,
    use_quad_cross_attention=False,
    verbose="INFO",
    whitelist_custom_nodes=[],
    windows_standalone_build=False,
)
