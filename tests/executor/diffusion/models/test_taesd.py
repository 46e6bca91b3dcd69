"""The tiny autoencoder, against its published structure written out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, relu

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.taesd import joined, taesd, taesd_decoder
from services.executor.diffusion.models.taesd import Taesd, TaesdDecoder, TaesdEncoder, TaesdSpec
from tests.executor.diffusion.tiny import decoder_weights, encoder_weights

# Bohan (2023), taesd.py: places of the halves' layers. Blocks have `conv.0`, `conv.2` and `conv.4`.
DECODER_BLOCKS = (3, 4, 5, 8, 9, 10, 13, 14, 15, 18)
DECODER_PLAIN = {1: True, 7: False, 12: False, 17: False, 19: True}
ENCODER_BLOCKS = (1, 3, 4, 5, 7, 8, 9, 11, 12, 13)
ENCODER_PLAIN = {0: True, 2: False, 6: False, 10: False, 14: True}


def names(blocks: tuple[int, ...], plain: Mapping[int, bool]) -> set[str]:
    """`plain` says of convolutions outside blocks whether they have a bias."""
    found = {f"{place}.conv.{layer}.{part}" for place in blocks for layer in (0, 2, 4) for part in ("weight", "bias")}
    found |= {f"{place}.weight" for place in plain}
    return found | {f"{place}.bias" for place, has_bias in plain.items() if has_bias}


def block(weights: Mapping[str, Tensor], place: int, x: Tensor) -> Tensor:
    hidden = x
    for layer in (0, 2, 4):
        hidden = relu(hidden) if layer else hidden
        hidden = conv2d(
            hidden, weights[f"{place}.conv.{layer}.weight"], weights[f"{place}.conv.{layer}.bias"], padding=1
        )
    return relu(hidden + x)


def decoded(weights: Mapping[str, Tensor], latents: Tensor) -> Tensor:
    hidden = torch.tanh(latents / 3) * 3
    hidden = relu(conv2d(hidden, weights["1.weight"], weights["1.bias"], padding=1))
    for places, conv in (((3, 4, 5), 7), ((8, 9, 10), 12), ((13, 14, 15), 17)):
        for place in places:
            hidden = block(weights, place, hidden)
        hidden = conv2d(interpolate(hidden, scale_factor=2.0), weights[f"{conv}.weight"], padding=1)
    return conv2d(block(weights, 18, hidden), weights["19.weight"], weights["19.bias"], padding=1)


def encoded(weights: Mapping[str, Tensor], pixels: Tensor) -> Tensor:
    hidden = block(weights, 1, conv2d(pixels, weights["0.weight"], weights["0.bias"], padding=1))
    for conv, places in ((2, (3, 4, 5)), (6, (7, 8, 9)), (10, (11, 12, 13))):
        hidden = conv2d(hidden, weights[f"{conv}.weight"], stride=2, padding=1)
        for place in places:
            hidden = block(weights, place, hidden)
    return conv2d(hidden, weights["14.weight"], weights["14.bias"], padding=1)


def test_the_weights_have_the_published_names_and_sizes() -> None:
    decoder, encoder = TaesdDecoder(TaesdSpec()).state_dict(), TaesdEncoder(TaesdSpec(16)).state_dict()
    assert set(decoder) == names(DECODER_BLOCKS, DECODER_PLAIN)
    assert set(encoder) == names(ENCODER_BLOCKS, ENCODER_PLAIN)
    assert decoder["1.weight"].shape == (64, 4, 3, 3)
    assert encoder["14.weight"].shape == (16, 64, 3, 3)
    assert sum(weight.numel() for weight in decoder.values()) == 1_222_531


@torch.inference_mode()
def test_the_halves_compute_what_is_published() -> None:
    latents, pixels = torch.randn(2, 4, 6, 5), torch.rand(2, 3, 48, 40)
    weights = decoder_weights()
    torch.testing.assert_close(taesd_decoder(weights)(latents), decoded(weights, latents))
    made = taesd(joined(encoder_weights(), weights, 1.0, 0.0))
    torch.testing.assert_close(made.encode(pixels * 2 - 1), encoded(encoder_weights(), pixels))


@torch.inference_mode()
def test_scale_and_shift_lead_to_the_familys_latents() -> None:
    plain, scaled = (taesd(joined(encoder_weights(), decoder_weights(), *how)) for how in ((1.0, 0.0), (0.5, 0.25)))
    latents, pixels = torch.randn(1, 4, 2, 2), torch.rand(1, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(scaled.decode(latents / 0.5 + 0.25), plain.decode(latents))
    torch.testing.assert_close(scaled.encode(pixels), plain.encode(pixels) / 0.5 + 0.25)
    assert isinstance(scaled, Taesd)
    assert scaled.spec == TaesdSpec(4, 8)


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"no tiny autoencoder: the weight 1\.weight is missing"):
        taesd_decoder({"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"19\.bias is missing"):
        taesd_decoder({name: weight for name, weight in decoder_weights().items() if name != "19.bias"})
    with pytest.raises(CheckpointError, match=r"taesd_encoder\.0\.weight is missing"):
        taesd(joined({}, decoder_weights(), 1.0, 0.0))
