"""The KL autoencoder of latent diffusion, with the parameter names of LDM checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from services.executor.diffusion.models.layers import Conv2d, GroupNorm, attention
from services.executor.diffusion.pauses import pause

NORM_EPS = 1e-6


@dataclass(frozen=True)
class VaeSpec:
    """The sizes of an autoencoder."""

    channels: int
    channel_mult: tuple[int, ...]
    res_blocks: int
    """Residual blocks of a level of the encoder; the decoder has one more in each."""
    latent_channels: int = 4
    image_channels: int = 3
    group_width: int = 1
    """Least number of channels in a group of the group normalisations."""

    @property
    def downscale(self) -> int:
        """Pixels of the image along one side of a latent pixel."""
        return int(2 ** (len(self.channel_mult) - 1))


class Vae(nn.Module):
    """Encoder, decoder and the 1x1 convolutions around the latent."""

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.quant_conv = Conv2d(spec.latent_channels * 2, spec.latent_channels * 2, 1)
        self.post_quant_conv = Conv2d(spec.latent_channels, spec.latent_channels, 1)

    def encode(self, pixels: Tensor) -> Tensor:
        """Latent means (batch, latent_channels, height/f, width/f) of pixels (batch, 3, height, width) in -1..1."""
        moments: Tensor = self.quant_conv(self.encoder(pixels))
        return moments.chunk(2, dim=1)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (batch, 3, height*f, width*f), about -1..1 and not clamped, of latents."""
        pixels: Tensor = self.decoder(self.post_quant_conv(latents))
        return pixels


class Encoder(nn.Module):
    """Pixels to the moments of the latent's distribution."""

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        widths = [spec.channels * mult for mult in spec.channel_mult]
        inputs = [spec.channels, *widths[:-1]]
        self.conv_in = Conv2d(spec.image_channels, spec.channels, 3, padding=1)
        self.down = nn.ModuleList(
            _Level(narrow, wide, spec.res_blocks, spec.group_width, downsample=level < len(widths) - 1)
            for level, (narrow, wide) in enumerate(zip(inputs, widths, strict=True))
        )
        self.mid = _Middle(widths[-1], spec.group_width)
        self.norm_out = GroupNorm(widths[-1], NORM_EPS, spec.group_width)
        self.conv_out = Conv2d(widths[-1], spec.latent_channels * 2, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        hidden = self.conv_in(pixels)
        for level in self.down:
            hidden = level(hidden)
        hidden = self.mid(hidden)
        out: Tensor = self.conv_out(functional.silu(self.norm_out(hidden)))
        return out


class Decoder(nn.Module):
    """Latents to pixels."""

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        widths = [spec.channels * mult for mult in spec.channel_mult]
        inputs = [*widths[1:], widths[-1]]
        self.conv_in = Conv2d(spec.latent_channels, widths[-1], 3, padding=1)
        self.mid = _Middle(widths[-1], spec.group_width)
        self.up = nn.ModuleList(
            _Level(wide, narrow, spec.res_blocks + 1, spec.group_width, upsample=level > 0)
            for level, (wide, narrow) in enumerate(zip(inputs, widths, strict=True))
        )
        self.norm_out = GroupNorm(widths[0], NORM_EPS, spec.group_width)
        self.conv_out = Conv2d(widths[0], spec.image_channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        hidden = self.mid(self.conv_in(latents))
        for level in reversed(self.up):
            hidden = level(hidden)
        out: Tensor = self.conv_out(functional.silu(self.norm_out(hidden)))
        return out


class _Level(nn.Module):
    """The residual blocks of one resolution and, where there is one, the step to the next."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        blocks: int,
        group_width: int,
        downsample: bool = False,
        upsample: bool = False,
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            _ResBlock(channels_in if index == 0 else channels_out, channels_out, group_width) for index in range(blocks)
        )
        if downsample:
            self.downsample = _Downsample(channels_out)
        if upsample:
            self.upsample = _Upsample(channels_out)

    def forward(self, hidden: Tensor) -> Tensor:
        for block in self.block:
            hidden = block(hidden)
        for name in ("downsample", "upsample"):
            if hasattr(self, name):
                hidden = getattr(self, name)(hidden)
        return hidden


class _ResBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, group_width: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(channels_in, NORM_EPS, group_width)
        self.conv1 = Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = GroupNorm(channels_out, NORM_EPS, group_width)
        self.conv2 = Conv2d(channels_out, channels_out, 3, padding=1)
        if channels_in != channels_out:
            self.nin_shortcut = Conv2d(channels_in, channels_out, 1)

    def forward(self, features: Tensor) -> Tensor:
        pause()
        hidden = self.conv1(functional.silu(self.norm1(features)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        shortcut = self.nin_shortcut(features) if hasattr(self, "nin_shortcut") else features
        out: Tensor = shortcut + hidden
        return out


class _Attention(nn.Module):
    """Single-head attention over all positions."""

    def __init__(self, channels: int, group_width: int) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, NORM_EPS, group_width)
        self.q = Conv2d(channels, channels, 1)
        self.k = Conv2d(channels, channels, 1)
        self.v = Conv2d(channels, channels, 1)
        self.proj_out = Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        normed = self.norm(features)
        query, key, value = (part(normed).flatten(2).transpose(1, 2).contiguous() for part in (self.q, self.k, self.v))
        mixed = attention(query, key, value, heads=1)
        out: Tensor = features + self.proj_out(mixed.transpose(1, 2).reshape(features.shape))
        return out


class _Middle(nn.Module):
    def __init__(self, channels: int, group_width: int) -> None:
        super().__init__()
        self.block_1 = _ResBlock(channels, channels, group_width)
        self.attn_1 = _Attention(channels, group_width)
        self.block_2 = _ResBlock(channels, channels, group_width)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.block_2(self.attn_1(self.block_1(hidden)))
        return out


class _Downsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, stride=2)

    def forward(self, features: Tensor) -> Tensor:
        # One pixel on the right and at the bottom only: that is how these models were trained.
        out: Tensor = self.conv(functional.pad(features, (0, 1, 0, 1)))
        return out


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.conv(functional.interpolate(features, scale_factor=2.0, mode="nearest"))
        return out
