"""What LoRA files call the layers of a model and of its text encoders.

`lora_unet_` (in files of OFT `oft_unet_`) and `lora_te_` with underscores for dots are the names of kohya's scripts; a
UNet's layers have in them the names of the LDM layout or, mostly, those of diffusers. Files of diffusers itself
(`unet.…`) are known as its earlier versions wrote them, `….processor.to_q_lora.…` in attention; ComfyUI does not know
today's `….to_q.lora_A.…` either.

Two text encoders are told apart by `lora_te1_` and `lora_te2_`, or `text_encoder.` and `text_encoder_2.`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.executor.diffusion.adapters.unet_names import diffusers_names, renamed

UNET = "diffusion_model."
UNET_PREFIXES = ("lora_unet_", "oft_unet_")
TRANSFORMER = ".transformer."
TEXT_BEGINNINGS = ("lora_te", "text_encoder")
"""What the names of a text encoder's layers begin with, in any file."""

_ENCODERS = ((("lora_te_", "lora_te1_"), "text_encoder."), (("lora_te2_",), "text_encoder_2."))
_WEIGHT = ".weight"


def unet_names(model: Any) -> dict[str, str]:
    """Layers of a BaseModel (`diffusion_model.…`) by what files call them."""
    diffusers = diffusers_names(model.diffusion_model.spec)
    names: dict[str, str] = {}
    for layer in _layers(model, UNET):
        names |= dict.fromkeys((UNET + layer, *_prefixed(layer)), UNET + layer)
        other = renamed(layer, diffusers)
        if other is not None:
            earlier = other.replace(".to_", ".processor.to_").removesuffix(".0") if ".to_" in other else other
            names |= dict.fromkeys((*_prefixed(other), earlier, f"unet.{earlier}"), UNET + layer)
    return names


def text_names(model: Any) -> dict[str, str]:
    """Layers of text encoders (`clip_l.transformer.…`) by what files call them."""
    encoders = dict.fromkeys(key.partition(TRANSFORMER)[0] for key in model.state_dict() if TRANSFORMER in key)
    names: dict[str, str] = {}
    for encoder, (underscored, dotted) in zip(encoders, _ENCODERS, strict=False):
        for layer in _layers(model, encoder + TRANSFORMER):
            own = f"{encoder}{TRANSFORMER}{layer}"
            names |= {prefix + _underscored(layer): own for prefix in underscored}
            names[dotted + layer] = names[f"text_encoders.{own}"] = own
    return names


def _layers(model: Any, prefix: str) -> Iterator[str]:
    for key in model.state_dict():
        if key.startswith(prefix) and key.endswith(_WEIGHT):
            yield key.removeprefix(prefix).removesuffix(_WEIGHT)


def _prefixed(layer: str) -> Iterator[str]:
    return (prefix + _underscored(layer) for prefix in UNET_PREFIXES)


def _underscored(name: str) -> str:
    return name.replace(".", "_")
