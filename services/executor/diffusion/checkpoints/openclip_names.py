"""OpenCLIP's names for the weights of a CLIP transformer, brought to those of Hugging Face checkpoints.

OpenCLIP keeps the projections to queries, keys and values of a layer in one weight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

LAYERS = "transformer.resblocks."

PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_LAYER = re.compile(r"(\d+)\.(.+)[._](weight|bias)$")


def transformer_weights(weights: Mapping[str, Tensor], prefix: str = LAYERS) -> Iterator[tuple[str, Tensor]]:
    """Names from `layers.` on, and weights, of the layers below a prefix."""
    for name, tensor in weights.items():
        if not name.startswith(prefix) or (match := _LAYER.match(name, len(prefix))) is None:
            continue
        number, part, kind = match.groups()
        layer = f"layers.{number}"
        if part == "attn.in_proj":
            for projection, own in zip("qkv", tensor.chunk(3), strict=False):
                yield f"{layer}.self_attn.{projection}_proj.{kind}", own
        elif part in PARTS:
            yield f"{layer}.{PARTS[part]}.{kind}", tensor
