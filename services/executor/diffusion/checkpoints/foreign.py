"""What a file holds that is not what it was taken for: known by names that stand in no other kind of file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes

_MOST_NAMES = 8
_NOT_RUN = "which this platform does not run"


@dataclass(frozen=True)
class _Kind:
    """A kind of file.

    Attributes:
        name: as users call it, with its article.
        marks: patterns, each of which some name has to have in it.
        advice: what to do with it.
    """

    name: str
    marks: tuple[str, ...]
    advice: str = _NOT_RUN

    def found(self, shapes: Shapes) -> str | None:
        """The first name with the first mark, None when a mark is nowhere."""
        found = [_first(shapes, mark) for mark in self.marks]
        return found[0] if all(found) else None


def _kind(name: str, *marks: str, advice: str = _NOT_RUN) -> _Kind:
    return _Kind(name, marks, advice)


def _elsewhere(name: str, folder: str, node: str, *marks: str) -> _Kind:
    return _Kind(name, marks, f"which belongs into the folder {folder}, for the node {node}")


#: Their networks have all that a UNet has, and more.
_LOOKALIKES = (
    _kind("Stable Video Diffusion", r"time_stack\."),
    _kind("Stable Zero123", r"^cc_projection\."),
    _kind("a motion module of AnimateDiff", r"motion_modules\."),
)

#: The first that fits counts.
_KINDS = (
    _elsewhere("a LoRA", "loras", "LoraLoader", r"lora_(up|down|A|B)\.|_lora\.(up|down)\.|\.hada_w1_a|\.lokr_w[12]"),
    _kind("a textual inversion", r"^(emb_params|string_to_param|clip_[lg])$", advice="which belongs into embeddings"),
    _elsewhere(
        "a ControlNet", "controlnet", "ControlNetLoader", r"zero_convs\.|controlnet_(cond_embedding|down_blocks)\."
    ),
    _kind("a ControlNet of a transformer, such as those of Flux and Stable Diffusion 3", r"controlnet_blocks\."),
    _kind("a ControlNet-LLLite", r"^lllite_"),
    _elsewhere("a T2I adapter", "controlnet", "ControlNetLoader", r"(^|\.)body\.0\.(block1|resnets)\."),
    _elsewhere("GLIGEN", "gligen", "GLIGENLoader", r"position_net\.|(^|\.)fuser\."),
    _elsewhere("a style model", "style_models", "StyleModelLoader", r"^style_embedding$"),
    _kind("an IP adapter", r"^ip_adapter\.|^image_proj\."),
    *_LOOKALIKES,
    _elsewhere("a checkpoint", "checkpoints", "CheckpointLoaderSimple", r"^model\.diffusion_model\.input_blocks\."),
    _kind("Chroma", r"double_blocks\.0\.", r"distilled_guidance_layer\."),
    _kind("Hunyuan Video", r"double_blocks\.0\.", r"individual_token_refiner\."),
    _kind("Flux", r"double_blocks\.0\."),
    _kind("Stable Diffusion 3", r"joint_blocks\.0\."),
    _kind("AuraFlow", r"double_layers\.0\.|cond_seq_linear\."),
    _kind("Qwen-Image", r"transformer_blocks\.0\.attn\.add_q_proj\.", r"txt_norm\."),
    _kind("WAN", r"(^|\.)head\.modulation$", r"patch_embedding\."),
    _kind("Lumina 2", r"noise_refiner\.0\.", r"cap_embedder\."),
    _kind("HiDream", r"double_stream_blocks\.0\."),
    _kind("LTX-Video", r"patchify_proj\.", r"adaln_single\."),
    _kind("PixArt", r"(^|\.)t_block\.1\.", r"y_embedder\."),
    _kind("Hunyuan-DiT", r"mlp_t5\.0\."),
    _kind("Mochi", r"t5_yproj\.|t5_y_embedder\."),
    _kind("Cosmos", r"blocks\.block0\.|(^|\.)x_embedder\.proj\.1\."),
    _kind("Stable Cascade", r"clip_txt_(pooled_)?mapper\.|(^|\.)effnet_mapper\."),
    _kind("ACE-Step", r"genre_embedder\."),
    _kind("Stable Audio", r"to_timestep_embed\.|pretransform\.model\."),
    _kind("a language model", r"(^|\.)layers\.0\.self_attn\.q_proj\.", r"(^|\.)embed_tokens\."),
    _kind("a T5 text encoder", r"(^|\.)encoder\.block\.0\.layer\.0\.SelfAttention\."),
    _elsewhere("a CLIP vision model", "clip_vision", "CLIPVisionLoader", r"^vision_model\.|^visual\."),
    _elsewhere("a text encoder", "text_encoders", "CLIPLoader", r"^text_model\.|^transformer\.resblocks\."),
    _elsewhere(
        "a diffusion network alone", "diffusion_models", "UNETLoader", r"^(unet\.)?(down_blocks|input_blocks)\.0\."
    ),
    _elsewhere("an autoencoder alone", "vae", "VAELoader", r"^(encoder|decoder)\.(conv_in|down_blocks|up_blocks)\."),
    _elsewhere("an upscaler", "upscale_models", "UpscaleModelLoader", r"^(model\.1\.sub|body\.0\.rdb1)\.|RDB1\."),
)


def refuse_lookalikes(shapes: Shapes) -> None:
    """Refuse a network that has more to it than a UNet, and would be taken for one.

    Raises:
        CheckpointError: it is one of those; the message says which.
    """
    for kind in _LOOKALIKES:
        if (found := kind.found(shapes)) is not None:
            raise CheckpointError(f"it looks like {kind.name} ({found}), {kind.advice}")


def looks_like(shapes: Shapes) -> str:
    """What weights look like, as the end of a message; the beginnings of their names where nobody knows."""
    for kind in _KINDS:
        if (found := kind.found(shapes)) is not None:
            return f"it looks like {kind.name} ({found}), {kind.advice}"
    return f"its weights are of {_beginnings(shapes)}"


def _first(names: Iterable[str], mark: str) -> str | None:
    pattern = re.compile(mark)
    return next((name for name in names if pattern.search(name)), None)


def _beginnings(shapes: Shapes) -> str:
    tops = sorted({name.split(".")[0] for name in shapes})
    shown = ", ".join(tops[:_MOST_NAMES]) or "nothing"
    return shown if len(tops) <= _MOST_NAMES else f"{shown} and {len(tops) - _MOST_NAMES} more"
