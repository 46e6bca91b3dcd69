"""A control network for several kinds of pictures (ControlNet++: https://github.com/xinsir6/ControlNetPlus).

It is told the kind by an embedding beside the timestep's, and each picture's features are shifted by what a transformer
over all pictures makes of their means. The published code shows that transformer the latent's own features as well, but
lets the items of a batch attend to each other rather than the features of one item, so that for a single picture they
change nothing: they are left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.control.control_net import ControlNet, ControlNetSpec
from services.executor.diffusion.control.residuals import Residuals
from services.executor.diffusion.models.clip_transformer import quick_gelu
from services.executor.diffusion.models.layers import LayerNorm, Linear, attention
from services.executor.diffusion.models.timesteps import timestep_embedding

HEADS = 8

#: The kinds, by what nodes call them.
UNION_CONTROLNET_TYPES = {
    "openpose": 0,
    "depth": 1,
    "hed/pidi/scribble/ted": 2,
    "canny/lineart/anime_lineart/mlsd": 3,
    "normal": 4,
    "segment": 5,
    "tile": 6,
    "repaint": 7,
}


@dataclass(frozen=True)
class UnionSpec:
    """What a control network for several kinds has beyond others."""

    kinds: int
    width: int
    """Of the transformer over pictures, as wide as their features."""
    layers: int
    kind_features: int
    """Fourier features by which it is told of each kind whether it is given."""


class UnionControlNet(ControlNet):
    """A control network that is told which kind of picture it is shown."""

    def __init__(self, spec: ControlNetSpec, union: UnionSpec) -> None:
        super().__init__(spec)
        self.union = union
        self.task_embedding = nn.Parameter(torch.empty(union.kinds, union.width))
        self.transformer_layes = nn.Sequential(*(_Block(union.width) for _ in range(union.layers)))
        self.spatial_ch_projs = Linear(union.width, spec.encoder.model_channels)
        self.control_add_embedding = _Perceptron(union.kinds * union.kind_features, spec.encoder.embedding_dim)

    def forward(
        self,
        x: Tensor,
        hint: Tensor | Sequence[Tensor],
        timesteps: Tensor,
        context: Tensor,
        y: Tensor | None = None,
        control_type: Sequence[int] = (),
        **kwargs: Any,
    ) -> Residuals:
        """As `ControlNet.forward`; `control_type` are the kinds, `hint` one picture for all of them, or one for each.

        Without kinds the picture is shown to it as to a network that knows only one.

        Raises:
            ValueError: it does not know a kind.
        """
        embedding = self.embedding(timesteps, y, x.dtype) + self._kind_embedding(control_type, x)
        hints = [hint] * max(1, len(control_type)) if isinstance(hint, Tensor) else hint
        guides = [self.guide(one.to(x.dtype)) for one in hints]
        guide = self.fused(guides, control_type) if control_type else guides[0]
        return self._residuals(x, guide, embedding, context)

    def _kind_embedding(self, kinds: Sequence[int], like: Tensor) -> Tensor:
        given = torch.zeros(self.union.kinds, device=like.device)
        for kind in kinds:
            if not 0 <= kind < self.union.kinds:
                raise ValueError(
                    f"control_net: it knows {self.union.kinds} kinds of control, and is set to the one numbered {kind}"
                )
            given[kind] = 1
        features = timestep_embedding(given, self.union.kind_features).flatten()[None]
        embedding: Tensor = self.control_add_embedding(features.to(like.dtype))
        return embedding

    def fused(self, guides: Sequence[Tensor], kinds: Sequence[int]) -> Tensor:
        """The features of pictures (each batch, channels, height, width) of different kinds as one."""
        means = [
            guide.mean(dim=(2, 3)) + self.task_embedding[kind].to(guide)
            for guide, kind in zip(guides, kinds, strict=True)
        ]
        shifts = self.spatial_ch_projs(self.transformer_layes(torch.stack(means, dim=1)))
        return torch.stack([guide + shifts[:, place, :, None, None] for place, guide in enumerate(guides)]).sum(dim=0)


class _Perceptron(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear_1 = Linear(width_in, width_out)
        self.linear_2 = Linear(width_out, width_out)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.linear_2(functional.silu(self.linear_1(features)))
        return out


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = _Attention(width)
        self.ln_1 = LayerNorm(width)
        self.mlp = _FeedForward(width)
        self.ln_2 = LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.ln_1(tokens))
        out: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return out


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Linear(width, width * 4)
        self.c_proj = Linear(width * 4, width)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.c_proj(quick_gelu(self.c_fc(tokens)))
        return out


class _Attention(nn.Module):
    """Self-attention whose three projections are one matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(width * 3, width))
        self.in_proj_bias = nn.Parameter(torch.empty(width * 3))
        self.out_proj = Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        projected = functional.linear(tokens, self.in_proj_weight.to(tokens), self.in_proj_bias.to(tokens))
        query, key, value = projected.chunk(3, dim=-1)
        out: Tensor = self.out_proj(attention(query.contiguous(), key.contiguous(), value.contiguous(), HEADS))
        return out
