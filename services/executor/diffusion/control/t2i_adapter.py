"""T2I-Adapter: a small network that makes features of a picture once, to be added to those of a UNet's input blocks.

Mou et al., "T2I-Adapter: Learning Adapters to Dig out More Controllable Ability for Text-to-Image Diffusion Models",
2023, https://arxiv.org/abs/2302.08453. Parameter names are those of the files published with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.control.residuals import Residuals
from services.executor.diffusion.models.layers import Conv2d

BLOCKS = 2  # on each level of a full adapter


@dataclass(frozen=True)
class T2IAdapterSpec:
    """What an adapter is made of."""

    channels_in: int
    """Of the pictures that it is shown."""
    widths: tuple[int, ...]
    """Channels of the features that are added on each level of the UNet."""
    is_xl: bool = False
    """Whether it is made for Stable Diffusion XL, which has one level less and sees pictures at half the size."""
    light_widths: tuple[int, ...] | None = None
    """Channels inside each level of a light adapter; None for a full one."""
    light_blocks: int = 0
    kernel: int = 1
    """Of the second convolutions of a full adapter's blocks."""
    has_strides: bool = False
    """Whether a full adapter makes features smaller by convolutions rather than averages."""

    @property
    def unshuffle(self) -> int:
        """Pixels along one side of the squares that are made channels at first."""
        return 16 if self.is_xl else 8

    @property
    def channels(self) -> int:
        """Those after that."""
        return self.channels_in * self.unshuffle**2

    def is_smaller(self, level: int) -> bool:
        """Whether features are half the size on a level that they are on the one before."""
        return level == 2 if self.is_xl else level > 0

    @property
    def input_blocks(self) -> tuple[int, ...]:
        """The input blocks to which the features of levels are added; those of the levels left go to the middle."""
        return (3, 5, 8) if self.is_xl else tuple(level * 3 + 2 for level in range(len(self.widths)))


class T2IAdapter(nn.Module):
    """An adapter, full or light."""

    def __init__(self, spec: T2IAdapterSpec) -> None:
        super().__init__()
        self.spec = spec
        if spec.light_widths is None:
            self.conv_in = Conv2d(spec.channels, spec.widths[0], 3, padding=1)
            self.body = nn.ModuleList(_full_blocks(spec))
        else:
            self.body = nn.ModuleList(_light_levels(spec, spec.light_widths))

    def forward(self, pictures: Tensor) -> Residuals:
        """What is added to the features of a UNet, see `residuals.py`.

        Takes pictures (batch, channels_in, height, width) whose sides are whole multiples of `unshuffle`.
        """
        features = functional.pixel_unshuffle(pictures, self.spec.unshuffle)
        levels: list[Tensor] = []
        if self.spec.light_widths is None:
            features = self.conv_in(features)
            for number, block in enumerate(self.body):
                features = block(features)
                if number % BLOCKS == BLOCKS - 1:
                    levels.append(features)
        else:
            for level in self.body:
                features = level(features)
                levels.append(features)
        places = self.spec.input_blocks
        at = dict(zip(places, levels, strict=False))
        added: Residuals = {"input": [at.get(number) for number in reversed(range(max(at) + 1))]}
        return {**added, "middle": levels[len(places) :]}


class _Smaller(nn.Module):
    """Halves height and width; what is left over of an odd side counts as well."""

    def __init__(self, channels: int, has_stride: bool) -> None:
        super().__init__()
        self.op = Conv2d(channels, channels, 3, stride=2, padding=1) if has_stride else None

    def forward(self, features: Tensor) -> Tensor:
        if self.op is not None:
            strided: Tensor = self.op(features)
            return strided
        height, width = features.shape[-2:]
        return functional.avg_pool2d(features, 2, 2, padding=(height % 2, width % 2))


class _Block(nn.Module):
    def __init__(self, narrow: int, wide: int, spec: T2IAdapterSpec, *, is_smaller: bool) -> None:
        super().__init__()
        padding = spec.kernel // 2
        self.down_opt = _Smaller(narrow, spec.has_strides) if is_smaller else nn.Identity()
        self.in_conv = nn.Identity() if narrow == wide else Conv2d(narrow, wide, spec.kernel, padding=padding)
        self.block1 = Conv2d(wide, wide, 3, padding=1)
        self.block2 = Conv2d(wide, wide, spec.kernel, padding=padding)

    def forward(self, features: Tensor) -> Tensor:
        features = self.in_conv(self.down_opt(features))
        out: Tensor = features + self.block2(functional.relu(self.block1(features)))
        return out


class _LightBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block1 = Conv2d(width, width, 3, padding=1)
        self.block2 = Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.block2(functional.relu(self.block1(features)))
        return out


class _LightLevel(nn.Module):
    def __init__(self, narrow: int, inner: int, wide: int, blocks: int, *, is_smaller: bool) -> None:
        super().__init__()
        self.down = _Smaller(narrow, has_stride=False) if is_smaller else nn.Identity()
        self.in_conv = Conv2d(narrow, inner, 1)
        self.body = nn.Sequential(*(_LightBlock(inner) for _ in range(blocks)))
        self.out_conv = Conv2d(inner, wide, 1)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.out_conv(self.body(self.in_conv(self.down(features))))
        return out


def _full_blocks(spec: T2IAdapterSpec) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    narrow = spec.widths[0]
    for level, wide in enumerate(spec.widths):
        for number in range(BLOCKS):
            is_smaller = number == 0 and spec.is_smaller(level)
            blocks.append(_Block(narrow, wide, spec, is_smaller=is_smaller))
            narrow = wide
    return blocks


def _light_levels(spec: T2IAdapterSpec, inner: tuple[int, ...]) -> list[nn.Module]:
    narrows = (spec.channels, *spec.widths)
    return [
        _LightLevel(narrows[level], inner[level], wide, spec.light_blocks, is_smaller=spec.is_smaller(level))
        for level, wide in enumerate(spec.widths)
    ]
