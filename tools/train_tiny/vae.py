"""The autoencoder: an encoder that computes the analytic latent, a decoder that sharpens it to a picture."""

from __future__ import annotations

import torch
from torch import Tensor

from services.executor.diffusion.models.vae import Vae, VaeSpec
from tools.train_tiny.drawing import CELL, SIZE, draw, draw_anything, latents_of
from tools.train_tiny.precision import COMPUTE
from tools.train_tiny.scenes import random_scenes

SPEC = VaeSpec(channels=16, channel_mult=(1, 2, 4, 4), res_blocks=1, group_width=4)
LATENT_SCALE = 0.18215
"""What samplers multiply the encoder's latents with; folded into the convolutions around the latent."""
ANYTHING_SHARE = 4  # one picture in this many shows no scene
WHOLE_SHARE = 0.5  # probability that pictures are learned whole
LATENT_NOISE = 0.12  # standard deviation at most, added to what the decoder sees
OVERSHOOT_GAIN = 0.5  # at most this much more contrast than a picture has, to be clipped off
EDGE_WEIGHT = 0.5


def pictures(count: int, generator: torch.Generator) -> Tensor:
    """Pictures (count, 3, SIZE, SIZE) in -1..1, or four times as many crops of half that size; most show scenes."""
    odd = count // ANYTHING_SHARE
    scenes = random_scenes(count - odd, generator)
    whole = torch.cat([draw(scenes, generator), draw_anything(odd, generator)]) * 2 - 1
    if torch.rand((), generator=generator) < WHOLE_SHARE:
        return whole
    offsets = torch.randint(SIZE // CELL // 2 + 1, (4, 2), generator=generator) * CELL
    return torch.cat([whole[:, :, y : y + SIZE // 2, x : x + SIZE // 2] for x, y in offsets.tolist()])


def encoder_loss(vae: Vae, shown: Tensor) -> Tensor:
    """Mean square error of the encoder's means against the analytic latents; the variance is left as it is."""
    moments = vae.quant_conv(vae.encoder(shown.to(COMPUTE))).float()
    error: Tensor = moments[:, :4] * LATENT_SCALE - latents_of((shown + 1) / 2)
    return error.square().mean()


def decoder_loss(vae: Vae, shown: Tensor, generator: torch.Generator) -> Tensor:
    """L1 of pixels and of differences between neighbours, from latents disturbed as samplers disturb them."""
    draws = torch.rand(3, len(shown), 1, 1, 1, generator=generator)
    exaggerated = shown * (1 + OVERSHOOT_GAIN * draws[0] * (draws[1] < 0.5))
    wanted = exaggerated.clamp(-1, 1)
    latents = latents_of((exaggerated + 1) / 2)
    latents = latents + torch.randn(latents.shape, generator=generator) * LATENT_NOISE * draws[2]
    decoded = vae.decode((latents / LATENT_SCALE).to(COMPUTE)).float()
    # Saturated channels may overshoot further for free: pictures are clamped when they are saved.
    error = torch.where(wanted.abs() >= 0.98, (decoded - wanted) * ~_beyond(decoded, wanted), decoded - wanted)
    return error.abs().mean() + EDGE_WEIGHT * _edge_error(decoded.clamp(-1, 1), wanted)


def start(vae: Vae) -> None:
    """Fold the latent scale into the convolutions around the latent, and start with a tiny variance."""
    with torch.no_grad():
        vae.quant_conv.weight.mul_(1 / LATENT_SCALE)
        vae.post_quant_conv.weight.mul_(LATENT_SCALE)
        assert vae.quant_conv.bias is not None
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = -20


def _beyond(decoded: Tensor, wanted: Tensor) -> Tensor:
    return decoded * wanted.sign() > wanted.abs()


def _edge_error(decoded: Tensor, wanted: Tensor) -> Tensor:
    rows = (decoded.diff(dim=2) - wanted.diff(dim=2)).abs().mean()
    return rows + (decoded.diff(dim=3) - wanted.diff(dim=3)).abs().mean()


def loss_of(vae: Vae, batch: int, generator: torch.Generator) -> Tensor:
    """Both losses on fresh pictures; the halves share no weights, so each learns as if alone."""
    shown = pictures(batch, generator)
    return encoder_loss(vae, shown) + decoder_loss(vae, shown, generator)
