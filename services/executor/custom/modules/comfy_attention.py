"""`comfy.ldm.modules.attention`: attention through torch's own, and the transformers of our UNets."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.models.attention import CrossAttention, FeedForward, SpatialTransformer
from services.executor.diffusion.models.attention import GatedGelu as GEGLU
from services.executor.diffusion.models.attention import TransformerBlock as BasicTransformerBlock

__all__ = [
    "GEGLU",
    "BasicTransformerBlock",
    "CrossAttention",
    "FeedForward",
    "SpatialTransformer",
    "attention_basic",
    "attention_pytorch",
    "attention_split",
    "attention_sub_quad",
    "default",
    "exists",
    "optimized_attention",
    "optimized_attention_for_device",
    "optimized_attention_masked",
]


def optimized_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    mask: Tensor | None = None,
    attn_precision: Any = None,
    skip_reshape: bool = False,
    skip_output_reshape: bool = False,
    **options: Any,
) -> Tensor:
    """Attend from `q` to `k` and take from `v`.

    Args:
        q, k, v: (batch, tokens, heads * width), or (batch, heads, tokens, width) with `skip_reshape`.
        mask: True where to attend, or added to the scores; without batch and heads, with the batch, or with both.

    Returns:
        (batch, tokens, heads * width), or (batch, heads, tokens, width) with `skip_output_reshape`.
    """
    if not skip_reshape:
        q, k, v = (tensor.reshape(*tensor.shape[:2], heads, -1).transpose(1, 2) for tensor in (q, k, v))
    if mask is not None:
        mask = mask if mask.ndim == 4 else mask[None, None] if mask.ndim == 2 else mask[:, None]
    found = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return found if skip_output_reshape else found.transpose(1, 2).flatten(2)


attention_basic = attention_pytorch = optimized_attention_masked = optimized_attention
attention_split = attention_sub_quad = optimized_attention


def exists(val: Any) -> bool:
    """Whether it is anything but None."""
    return val is not None


def default(val: Any, d: Any) -> Any:
    """The value, or the other when it is None."""
    return d if val is None else val


def optimized_attention_for_device(device: Any, mask: bool = False, small_input: bool = False) -> Any:
    """The function for a device: the same for all."""
    return optimized_attention
