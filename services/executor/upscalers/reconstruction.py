"""The last part of networks of transformers: from features at the size of the input to a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.checkpoints.errors import CheckpointError
from services.executor.diffusion.checkpoints.structure import Shapes, count, shape_of
from services.executor.upscalers.architecture import shuffled_scale

SLOPE = 0.2


def shuffles(shapes: Shapes, prefix: str = "upsample.") -> tuple[int, ...]:
    """How many times larger each convolution and shuffle in a row makes a picture: 2, or 3.

    Raises:
        CheckpointError: a convolution gives no square of pixels.
    """
    found = []
    for place in range(0, count(shapes, prefix), 2):
        given, seen = shape_of(shapes, f"{prefix}{place}.weight", 4)[:2]
        times = math.isqrt(given // seen)
        if times * times * seen != given:
            raise CheckpointError(f"{prefix}{place}.weight gives no square of pixels")
        found.append(times)
    return tuple(found)


class Shuffles(nn.Sequential):
    """Convolutions each of which is followed by a pixel shuffle."""

    def __init__(self, channels: int, times: tuple[int, ...]) -> None:
        super().__init__(*_convolutions_and_shuffles(channels, times))


def _convolutions_and_shuffles(channels: int, times: tuple[int, ...]) -> Iterator[nn.Module]:
    for each in times:
        yield nn.Conv2d(channels, channels * each**2, 3, padding=1)
        yield nn.PixelShuffle(each)


class Reconstruction(nn.Module):
    """Turns features into a picture; its parts have the names of SwinIR, whose files know them at the top."""

    scale: int

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, output_channels, height * scale, width * scale)."""
        raise NotImplementedError


class _Prepared(Reconstruction):
    """One that has a convolution to fewer channels first, and one to the picture last."""

    def __init__(self, width: int, channels: int, output_channels: int) -> None:
        super().__init__()
        self.conv_before_upsample = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1), nn.LeakyReLU())
        self.conv_last = nn.Conv2d(channels, output_channels, 3, padding=1)


class ShuffledReconstruction(_Prepared):
    """By pixel shuffles, for pictures that were only made smaller ("classical")."""

    def __init__(self, width: int, channels: int, output_channels: int, times: tuple[int, ...]) -> None:
        super().__init__(width, channels, output_channels)
        self.upsample = Shuffles(channels, times)
        self.scale = math.prod(times)

    def forward(self, features: Tensor) -> Tensor:
        """Return the picture."""
        picture: Tensor = self.conv_last(self.upsample(self.conv_before_upsample(features)))
        return picture


class DoublingReconstruction(_Prepared):
    """By doubled pixels, each time with a convolution, for pictures with all kinds of damage ("real-world")."""

    def __init__(self, width: int, channels: int, output_channels: int, doublings: int) -> None:
        super().__init__(width, channels, output_channels)
        self.doublings, self.scale = doublings, 2**doublings
        for number in range(1, doublings + 1):
            self.add_module(f"conv_up{number}", nn.Conv2d(channels, channels, 3, padding=1))
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the picture."""
        features = self.conv_before_upsample(features)
        for number in range(1, self.doublings + 1):
            doubled = functional.interpolate(features, scale_factor=2, mode="nearest")
            features = functional.leaky_relu(self.get_submodule(f"conv_up{number}")(doubled), SLOPE)
        picture: Tensor = self.conv_last(functional.leaky_relu(self.conv_hr(features), SLOPE))
        return picture


class DirectReconstruction(Reconstruction):
    """By one shuffle, for networks that are to be small ("lightweight")."""

    def __init__(self, width: int, output_channels: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.upsample = nn.Sequential(
            nn.Conv2d(width, output_channels * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the picture."""
        picture: Tensor = self.upsample(features)
        return picture


class Residue(Reconstruction):
    """One that gives what the input lacks, at its size."""

    scale = 1

    def __init__(self, width: int, output_channels: int) -> None:
        super().__init__()
        self.conv_last = nn.Conv2d(width, output_channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the difference to the input."""
        picture: Tensor = self.conv_last(features)
        return picture


def reconstruction(shapes: Shapes, width: int, input_channels: int) -> Reconstruction:
    """The one that the names of weights tell of; `width` channels come in.

    Raises:
        CheckpointError: its weights do not fit together.
    """
    if "conv_before_upsample.0.weight" in shapes:
        channels = shape_of(shapes, "conv_before_upsample.0.weight", 4)[0]
        output_channels = shape_of(shapes, "conv_last.weight", 4)[0]
        if doublings := count(shapes, "conv_up"):
            return DoublingReconstruction(width, channels, output_channels, doublings - 1)
        return ShuffledReconstruction(width, channels, output_channels, shuffles(shapes))
    if "upsample.0.weight" in shapes:
        scale, depth = shuffled_scale(shape_of(shapes, "upsample.0.weight", 4)[0], likely=input_channels)
        return DirectReconstruction(width, depth, scale)
    return Residue(width, shape_of(shapes, "conv_last.weight", 4)[0])
