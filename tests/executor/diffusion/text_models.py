"""Text encoders of random weights, small enough to be made for a test, in every layout that files have."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.models.clip_text import ClipText, ClipTextSpec
from services.executor.diffusion.text_encoding import EncoderUse, TextEncoder, TextEncoders
from services.executor.diffusion.text_families import SD1_L, SD2_H, SDXL_G, SDXL_L

WIDTH = 16
LAYERS = 3


def network(name: str, layers: int = LAYERS, seed: int = 0) -> ClipText:
    """An encoder of the kind "l", "h" or "g", fp16 as they are held; the latter two have a projection."""
    spec = ClipTextSpec(
        width=WIDTH,
        inner_width=WIDTH * 4,
        heads=2,
        layers=layers,
        activation="quick_gelu" if name == "l" else "gelu",
        projection_dim=None if name == "l" else WIDTH,
    )
    made = ClipText(spec).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed + ord(name))
    for parameter in made.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return made.half()


def encoders(*names: str) -> TextEncoders:
    """Those of the family that has encoders of these kinds."""
    uses: dict[tuple[str, ...], tuple[EncoderUse, ...]] = {
        ("l",): (SD1_L,),
        ("h",): (SD2_H,),
        ("g",): (SDXL_G,),
        ("l", "g"): (SDXL_L, SDXL_G),
    }
    return TextEncoders(tuple(TextEncoder(network(use.name), use) for use in uses[names]))


def hugging_face(model: ClipText, prefix: str = "") -> dict[str, Tensor]:
    """The weights as transformers stores them."""
    return {prefix + name: tensor for name, tensor in model.state_dict().items()}


def openclip(model: ClipText, prefix: str = "") -> dict[str, Tensor]:
    """The weights as OpenCLIP stores them."""
    own = model.state_dict()
    named = {
        "positional_embedding": own["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": own["text_model.embeddings.token_embedding.weight"],
        "ln_final.weight": own["text_model.final_layer_norm.weight"],
        "ln_final.bias": own["text_model.final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
    }
    if "text_projection.weight" in own:
        named["text_projection"] = own["text_projection.weight"].T.contiguous()
    for number in range(model.spec.layers):
        ours, theirs = f"text_model.encoder.layers.{number}", f"transformer.resblocks.{number}"
        for kind in ("weight", "bias"):
            named[f"{theirs}.ln_1.{kind}"] = own[f"{ours}.layer_norm1.{kind}"]
            named[f"{theirs}.ln_2.{kind}"] = own[f"{ours}.layer_norm2.{kind}"]
            named[f"{theirs}.mlp.c_fc.{kind}"] = own[f"{ours}.mlp.fc1.{kind}"]
            named[f"{theirs}.mlp.c_proj.{kind}"] = own[f"{ours}.mlp.fc2.{kind}"]
            named[f"{theirs}.attn.out_proj.{kind}"] = own[f"{ours}.self_attn.out_proj.{kind}"]
            parts = [own[f"{ours}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            named[f"{theirs}.attn.in_proj_{kind}"] = torch.cat(parts)
    return {prefix + name: tensor for name, tensor in named.items()}
