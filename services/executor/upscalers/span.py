"""Convolutions weighted by themselves: Wan et al. 2024, "SPAN", https://arxiv.org/abs/2311.12770."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.structure import count, shape_of
from services.executor.upscalers.architecture import Architecture, Network, Weights, has, shapes_of, shuffled_scale
from services.executor.upscalers.swin_ir import MEAN_COLOUR

RANGE = 255.0
#: Parts of what a convolution is trained as; after training they are one (Wan et al. 2024, 3.3).
_PARTS = ("sk.", "conv.", "eval_conv.")
#: A weight that says that colours are not centred first.
_NOT_CENTRED = "no_norm"


class AttentionBlock(nn.Module):
    """Three convolutions, whose result is weighted by how far it is from zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("c1_r", "c2_r", "c3_r"):
            self.add_module(name, nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the result (batch, channels, height, width), and that of the first convolution, activated."""
        first = functional.silu(self.get_submodule("c1_r")(x))
        last = self.get_submodule("c3_r")(functional.silu(self.get_submodule("c2_r")(first)))
        return (last + x) * (torch.sigmoid(last) - 0.5), first


class SPAN(nn.Module):
    """Blocks in a row; the first, the last and what lies between are put together and shuffled to a picture."""

    mean: Tensor

    def __init__(
        self, input_channels: int, output_channels: int, channels: int, blocks: int, scale: int, *, centred: bool
    ) -> None:
        super().__init__()
        self.centred, self.blocks = centred, blocks
        self.register_buffer("mean", torch.tensor(MEAN_COLOUR, device="cpu").view(1, -1, 1, 1), persistent=False)
        self.conv_1 = nn.Conv2d(input_channels, channels, 3, padding=1)
        for number in range(1, blocks + 1):
            self.add_module(f"block_{number}", AttentionBlock(channels))
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_cat = nn.Conv2d(channels * 4, channels, 1)
        self.upsampler = nn.Sequential(
            nn.Conv2d(channels, output_channels * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, output_channels, height * scale, width * scale)."""
        if self.centred:
            x = (x - self.mean.to(x)) * RANGE
        first = self.conv_1(x)
        after_one, _ = self.get_submodule("block_1")(first)
        features, inner = after_one, after_one
        for number in range(2, self.blocks + 1):
            features, inner = self.get_submodule(f"block_{number}")(features)
        together = torch.cat((first, self.conv_2(features), after_one, inner), 1)
        picture: Tensor = self.upsampler(self.conv_cat(together))
        return picture


def _build(weights: Weights) -> Network:
    shapes = shapes_of(weights)
    channels, input_channels = shape_of(shapes, "conv_1.sk.weight", 4)[:2]
    scale, output_channels = shuffled_scale(shape_of(shapes, "upsampler.0.weight", 4)[0], likely=input_channels)
    centred = _NOT_CENTRED not in weights
    blocks = count(shapes, "block_") - 1
    return Network(
        module=SPAN(input_channels, output_channels, channels, blocks, scale, centred=centred),
        weights=_merged(weights),
        scale=scale,
        input_channels=input_channels,
        output_channels=output_channels,
        tags=(f"{channels}nf",),
    )


def _merged(weights: Weights) -> dict[str, Tensor]:
    """One convolution for each that is trained as three in a row and one beside them."""
    merged = {}
    for name, tensor in weights.items():
        convolution, found, _ = name.partition(".sk.weight")
        if found:
            merged[f"{convolution}.weight"], merged[f"{convolution}.bias"] = _as_one(weights, convolution)
        elif name != _NOT_CENTRED and not any(f".{part}" in name for part in _PARTS):
            merged[name] = tensor
    return merged


def _as_one(weights: Weights, convolution: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of what `convolution` does."""
    widen, spread, narrow = (weights[f"{convolution}.conv.{place}.weight"].float() for place in range(3))
    biases = [weights[f"{convolution}.conv.{place}.bias"].float() for place in range(3)]
    narrow, widen = narrow[:, :, 0, 0], widen[:, :, 0, 0]
    weight = torch.einsum("om,mnhw,ni->oihw", narrow, spread, widen)
    bias = narrow @ (torch.einsum("mnhw,n->m", spread, biases[0]) + biases[1]) + biases[2]
    weight[:, :, 1, 1] += weights[f"{convolution}.sk.weight"].float()[:, :, 0, 0]
    return weight, bias + weights[f"{convolution}.sk.bias"].float()


ARCHITECTURE = Architecture("SPAN", "SPAN", has("conv_1.sk.weight", "block_1.c1_r.sk.weight"), _build)
