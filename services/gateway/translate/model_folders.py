"""ComfyUI's kinds of model, and which files count as models."""

from __future__ import annotations

#: In the order in which ComfyUI names them.
FOLDERS = (
    "checkpoints",
    "configs",
    "loras",
    "vae",
    "text_encoders",
    "diffusion_models",
    "clip_vision",
    "style_models",
    "embeddings",
    "diffusers",
    "vae_approx",
    "controlnet",
    "gligen",
    "upscale_models",
    "hypernetworks",
    "photomaker",
    "classifiers",
    "model_patches",
    "audio_encoders",
)

_EXTENSIONS = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")
_OTHER_EXTENSIONS = {"configs": (".yaml",), "classifiers": ("",)}


def is_model(folder: str, filename: str) -> bool:
    """Whether a file in a model folder is one of its models, going by its extension."""
    return filename.lower().endswith(_OTHER_EXTENSIONS.get(folder, _EXTENSIONS))
