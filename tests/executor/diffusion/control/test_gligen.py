"""GLIGEN's layers against the formulas of the paper."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control.gligen import MOST_BOXES
from services.executor.diffusion.control.gligen_reading import gligen
from tests.executor.diffusion.control.gligens import FREQUENCIES, TEXT, gligen_weights

FUSER = "middle_block.1.transformer_blocks.0.fuser"
BOX = (0.25, 0.5, 0.75, 1.0)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def linear(weights: dict[str, Tensor], name: str, features: Tensor) -> Tensor:
    return functional.linear(features, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def test_grounds_are_a_perceptron_over_the_phrase_and_the_waves_of_its_box() -> None:
    weights, phrase = gligen_weights(), torch.randn(TEXT)
    grounds = gligen(weights).grounds([BOX], [phrase], torch.float32)
    waves = [
        wave(side * 100 ** (number / FREQUENCIES))
        for number in range(FREQUENCIES)
        for wave in (math.sin, math.cos)
        for side in BOX
    ]
    nothing = [weights[f"position_net.null_{part}_feature"] for part in ("positive", "position")]
    for place, parts in enumerate(([phrase, torch.tensor(waves)], nothing)):
        features = torch.cat(parts)
        for layer in (0, 2, 4):
            features = linear(weights, f"position_net.linears.{layer}", features)
            features = functional.silu(features) if layer < 4 else features
        torch.testing.assert_close(grounds[0, place], features, rtol=1e-4, atol=1e-5)
    assert grounds.shape == (1, MOST_BOXES, TEXT)
    torch.testing.assert_close(grounds[0, 1], grounds[0, -1])


def test_features_attend_to_each_other_and_to_grounds_behind_gates() -> None:
    weights = gligen_weights()
    hidden, grounds = torch.randn(2, 6, 64), torch.randn(2, 3, TEXT)
    own = {name.removeprefix(f"{FUSER}."): weight for name, weight in weights.items() if name.startswith(FUSER)}

    def norm(name: str, features: Tensor) -> Tensor:
        return functional.layer_norm(features, (64,), own[f"{name}.weight"], own[f"{name}.bias"])

    tokens = norm("norm1", torch.cat([hidden, linear(own, "linear", grounds)], dim=1))
    query, key, value = (linear(own, f"attn.to_{part}", tokens).reshape(2, 9, 8, 8) for part in "qkv")
    shares = torch.einsum("bqhc,bkhc->bhqk", query, key).div(math.sqrt(8)).softmax(dim=-1)
    mixed = linear(own, "attn.to_out.0", torch.einsum("bhqk,bkhc->bqhc", shares, value).flatten(2))
    expected = hidden + math.tanh(0.7) * mixed[:, :6]
    inner, gate = linear(own, "ff.net.0.proj", norm("norm2", expected)).chunk(2, dim=-1)
    expected = expected + math.tanh(0.7) * linear(own, "ff.net.2", inner * functional.gelu(gate))
    fuser = gligen(weights).fuser("middle", 0, 0)
    assert fuser is not None
    torch.testing.assert_close(fuser(hidden, grounds), expected, rtol=1e-4, atol=1e-5)


def test_there_are_layers_for_the_transformers_that_the_file_has_some_for() -> None:
    network = gligen(gligen_weights())
    assert network.fuser("input", 1, 0) is not None
    assert network.fuser("output", 0, 0) is None
    assert network.fuser("input", 1, 1) is None


def test_weights_of_a_model_beside_them_are_left_out() -> None:
    weights = gligen_weights()
    assert gligen(weights | {"input_blocks.0.0.weight": torch.zeros(3)}).spec == gligen(weights).spec


def test_more_boxes_than_it_takes_are_refused() -> None:
    with pytest.raises(ValueError, match="gligen: it takes at most 30 boxes, and was given 31"):
        gligen(gligen_weights()).grounds([BOX] * 31, [torch.zeros(TEXT)] * 31, torch.float32)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("position_net.", "this is no GLIGEN"),
        ("position_net.linears.2.bias", r"position_net\.linears\.2\.bias is missing"),
        (f"{FUSER}.alpha_dense", r"alpha_dense is missing"),
    ],
)
def test_what_a_file_lacks_is_named(missing: str, message: str) -> None:
    weights = {name: weight for name, weight in gligen_weights().items() if not name.startswith(missing)}
    with pytest.raises(CheckpointError, match=message):
        gligen(weights)


def test_a_file_without_layers_for_a_model_is_refused() -> None:
    weights = {name: weight for name, weight in gligen_weights().items() if name.startswith("position_net")}
    with pytest.raises(CheckpointError, match="it has no layers for a UNet"):
        gligen(weights)
