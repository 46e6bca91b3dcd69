"""Control networks: their numbers, layouts and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control.control_net import ControlNet
from services.executor.diffusion.control.reading import control_net, in_one_layout
from services.executor.diffusion.control.residuals import Residuals
from services.executor.diffusion.control.union import UnionControlNet, UnionSpec
from tests.executor.diffusion.control.nets import (
    CONFIGURATIONS,
    in_diffusers_layout,
    model,
    random_weights,
    recorded_weights,
)
from tests.executor.diffusion.golden import tensors

TOLERANCE = 2e-5  # of the largest value
UNION = UnionSpec(kinds=6, width=32, layers=2, kind_features=16)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def shown(checkpoint: str = "sd15_small") -> dict[str, Any]:
    """What a network of a family is shown."""
    spec = model(checkpoint).unet.spec
    generator = torch.Generator().manual_seed(1)
    found = {
        "x": torch.randn(2, 4, 16, 8, generator=generator),
        "hint": torch.rand(2, 3, 128, 64, generator=generator),
        "timesteps": torch.tensor([10.0, 700.0]),
        "context": torch.randn(2, 77, spec.context_dim, generator=generator),
    }
    vector = spec.adm_channels
    return found if vector is None else found | {"y": torch.randn(2, vector, generator=generator)}


def network(weights: dict[str, Tensor], checkpoint: str = "sd15_small") -> ControlNet:
    return control_net(in_one_layout(weights), CONFIGURATIONS[checkpoint])


def assert_equal(found: Residuals, expected: Residuals) -> None:
    assert found.keys() == expected.keys()
    for stage in expected:
        for one, other in zip(found[stage], expected[stage], strict=True):
            assert one is not None and other is not None
            torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE * float(other.abs().max()))


def test_the_residuals_are_as_recorded() -> None:
    recorded = tensors("modules")
    x, hint, timesteps, context = (recorded[f"cn/{name}"] for name in ("x", "hint", "t", "context"))
    found = network(recorded_weights())(x, hint, timesteps, context)
    assert [len(found["middle"]), len(found["output"])] == [1, 12]
    for stage in ("middle", "output"):
        for number, residual in enumerate(found[stage]):
            expected = recorded[f"cn/{stage}/{number}"]
            torch.testing.assert_close(residual, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("checkpoint", CONFIGURATIONS)
@pytest.mark.parametrize("union", [None, UNION], ids=["one kind", "union"])
def test_the_layout_of_diffusers_gives_the_same_network(checkpoint: str, union: UnionSpec | None) -> None:
    weights = random_weights(checkpoint, union)
    other = in_diffusers_layout(weights, checkpoint)
    assert "controlnet_down_blocks.0.weight" in other
    assert not any(name.startswith(("input_blocks", "middle_block", "zero_convs", "time_embed.")) for name in other)
    assert_equal(network(other, checkpoint)(**shown(checkpoint)), network(weights, checkpoint)(**shown(checkpoint)))


def test_weights_stay_in_the_dtype_of_the_file() -> None:
    halves = {name: weight.half() for name, weight in random_weights().items()}
    found = network(halves)
    assert {parameter.dtype for parameter in found.parameters()} == {torch.float16}
    assert all(residual is not None and residual.dtype == torch.float32 for residual in found(**shown())["output"])


def test_a_picture_for_all_latents_counts_for_each() -> None:
    given = shown()
    one = given["hint"][:1]
    net = network(random_weights())
    assert_equal(net(**given | {"hint": one}), net(**given | {"hint": one.expand(2, -1, -1, -1)}))


def test_without_a_kind_a_union_network_is_shown_the_picture_as_any_other() -> None:
    weights = random_weights(union=UNION)
    weights |= {name: torch.zeros_like(weights[name]) for name in weights if name.startswith("control_add_embedding")}
    of_one_kind = random_weights()
    plain = {name: weight for name, weight in weights.items() if name in of_one_kind}
    assert_equal(network(weights)(**shown()), network(plain)(**shown()))


def test_one_kind_shifts_the_features_of_its_picture() -> None:
    net: Any = network(random_weights(union=UNION))
    assert isinstance(net, UnionControlNet)
    guide = net.guide(shown()["hint"])
    # The transformer over a single token: attention of one token to itself is its value.
    tokens = guide.mean(dim=(2, 3)) + net.task_embedding[3]
    block: Any
    for block in net.transformer_layes:
        width = tokens.shape[-1]
        value = functional.linear(
            block.ln_1(tokens), block.attn.in_proj_weight[-width:], block.attn.in_proj_bias[-width:]
        )
        tokens = tokens + block.attn.out_proj(value)
        inner = block.mlp.c_fc(block.ln_2(tokens))
        tokens = tokens + block.mlp.c_proj(inner * torch.sigmoid(1.702 * inner))
    shift = net.spatial_ch_projs(tokens)[:, :, None, None]
    torch.testing.assert_close(net.fused([guide], [3]), guide + shift, rtol=0, atol=1e-5)


def test_each_kind_is_told_apart() -> None:
    net = network(random_weights(union=UNION))
    middles = [net(**shown(), control_type=[kind])["middle"][0] for kind in range(UNION.kinds)]
    middles.append(net(**shown(), control_type=[0, 1])["middle"][0])
    for number, middle in enumerate(middles):
        assert not any(torch.allclose(middle, other) for other in middles[:number])


def test_the_order_of_kinds_does_not_matter() -> None:
    net = network(random_weights(union=UNION))
    given = shown()
    one, other = given.pop("hint"), torch.rand(2, 3, 128, 64)
    assert_equal(
        net(**given, hint=[one, other], control_type=[0, 4]), net(**given, hint=[other, one], control_type=[4, 0])
    )


def test_a_kind_that_a_union_network_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="control_net: it knows 6 kinds of control, and is set to the one numbered 6"):
        network(random_weights(union=UNION))(**shown(), control_type=[6])


@pytest.mark.parametrize("missing", ["input_hint_block.4.weight", "zero_convs.3.0.bias", "middle_block_out.0.weight"])
def test_a_network_that_lacks_a_weight_is_refused_with_its_name(missing: str) -> None:
    weights = random_weights()
    del weights[missing]
    with pytest.raises(CheckpointError, match=missing):
        network(weights)
