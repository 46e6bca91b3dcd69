"""The transformer inside a UNet: self-attention, cross-attention to the prompt, and a gated feed-forward layer."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import Conv2d, GroupNorm, LayerNorm, Linear, attention
from services.executor.diffusion.models.unet_spec import TransformerSpec
from services.executor.diffusion.patches import UNPATCHED, AttentionKind, BlockPlace, TransformerPlace, UNetPatches

SPATIAL_NORM_EPS = 1e-6
_FEED_FORWARD_WIDENING = 4


class CrossAttention(nn.Module):
    """Attention of `channels`-wide queries to a context; to themselves where no context is given."""

    def __init__(self, kind: AttentionKind, place: TransformerPlace, channels: int, context_dim: int) -> None:
        super().__init__()
        self.kind = kind
        self.place = place
        self.heads = place.heads
        self.to_q = Linear(channels, channels, bias=False)
        self.to_k = Linear(context_dim, channels, bias=False)
        self.to_v = Linear(context_dim, channels, bias=False)
        self.to_out = nn.Sequential(Linear(channels, channels), nn.Dropout(0.0))

    def forward(self, hidden: Tensor, context: Tensor | None = None, patches: UNetPatches = UNPATCHED) -> Tensor:
        source = hidden if context is None else context
        hidden, key, value = patches.attention_inputs(self.kind, self.place, hidden, source, source)
        default = partial(attention, heads=self.heads)
        projected = self.to_q(hidden), self.to_k(key), self.to_v(value)
        mixed = patches.attention(self.kind, self.place, default, *projected)
        return patches.after_attention(self.kind, self.place, self.to_out(mixed))


class GatedGelu(nn.Module):
    """GEGLU: one half of the projection gates the other (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.proj = Linear(channels, inner * 2)

    def forward(self, hidden: Tensor) -> Tensor:
        value, gate = self.proj(hidden).chunk(2, dim=-1)
        gated: Tensor = value * functional.gelu(gate)
        return gated


class FeedForward(nn.Module):
    """The two-layer perceptron of a transformer block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels * _FEED_FORWARD_WIDENING
        self.net = nn.Sequential(GatedGelu(channels, inner), nn.Dropout(0.0), Linear(inner, channels))

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.net(hidden)
        return out


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention and feed-forward, each on a normalised residual branch."""

    def __init__(self, spec: TransformerSpec, place: TransformerPlace) -> None:
        super().__init__()
        self.place = place
        self.attends_itself = spec.attends_itself
        self.attn1 = CrossAttention("attn1", place, spec.channels, _first_context(spec))
        self.ff = FeedForward(spec.channels)
        self.attn2 = CrossAttention("attn2", place, spec.channels, spec.context_dim)
        self.norm1 = LayerNorm(spec.channels)
        self.norm2 = LayerNorm(spec.channels)
        self.norm3 = LayerNorm(spec.channels)

    def forward(self, hidden: Tensor, context: Tensor, patches: UNetPatches = UNPATCHED) -> Tensor:
        hidden = hidden + self.attn1(self.norm1(hidden), None if self.attends_itself else context, patches)
        hidden = patches.between_attentions(self.place, hidden)
        hidden = hidden + self.attn2(self.norm2(hidden), context, patches)
        out: Tensor = hidden + self.ff(self.norm3(hidden))
        return out


def _first_context(spec: TransformerSpec) -> int:
    return spec.channels if spec.attends_itself else spec.context_dim


class SpatialTransformer(nn.Module):
    """Transformer blocks over the positions of a feature map.

    `block` and `number` say where it is: in which block of the UNet, and which of all its transformers it is.
    """

    def __init__(self, spec: TransformerSpec, block: BlockPlace, number: int) -> None:
        super().__init__()
        self.linear = spec.linear_projection
        self.norm = GroupNorm(spec.channels, SPATIAL_NORM_EPS, spec.group_width)
        self.proj_in = self._projection(spec.channels)
        head_dim = spec.channels // spec.heads
        self.transformer_blocks = nn.ModuleList(
            TransformerBlock(spec, TransformerPlace(block, number, depth, spec.heads, head_dim))
            for depth in range(spec.depth)
        )
        self.proj_out = self._projection(spec.channels)

    def forward(self, features: Tensor, context: Tensor, patches: UNetPatches = UNPATCHED) -> Tensor:
        """Features (batch, channels, height, width) and context (batch, tokens, context_dim) to features."""
        _, _, height, width = features.shape
        patches.enters_transformer(features)
        hidden = self.norm(features)
        hidden = self.proj_in(_to_tokens(hidden)) if self.linear else _to_tokens(self.proj_in(hidden))
        for block in self.transformer_blocks:
            hidden = block(hidden, context, patches)
        hidden = self.proj_out(hidden) if self.linear else hidden
        hidden = _to_map(hidden, height, width)
        out: Tensor = features + (hidden if self.linear else self.proj_out(hidden))
        return out

    def _projection(self, channels: int) -> nn.Module:
        return Linear(channels, channels) if self.linear else Conv2d(channels, channels, 1)


def _to_tokens(features: Tensor) -> Tensor:
    # Contiguous, so that attention kernels see one layout whatever the convolution before returned.
    return features.flatten(2).transpose(1, 2).contiguous()


def _to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    batch, _, channels = tokens.shape
    return tokens.transpose(1, 2).reshape(batch, channels, height, width)
