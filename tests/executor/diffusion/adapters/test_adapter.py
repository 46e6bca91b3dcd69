"""Kinds of adapters that no recorded picture was made with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.adapters import lokr, lora
from services.executor.diffusion.adapters.adapter import Adapter

KERNEL = torch.arange(4 * 6 * 9.0).reshape(4, 6, 3, 3)


def ones(*shape: int) -> Tensor:
    return torch.ones(*shape)


def test_a_kronecker_product_with_a_core_is_that_of_its_kernel() -> None:
    torch.manual_seed(1)
    w1, core, to_outputs, to_inputs = torch.rand(2, 3), torch.rand(5, 5, 3, 3), torch.rand(5, 2), torch.rand(5, 2)
    parts = {"lokr_w1": w1, "lokr_t2": core, "lokr_w2_a": to_outputs, "lokr_w2_b": to_inputs}
    change = Adapter(parts, lokr.make, alpha=10.0).change(KERNEL)
    for row in range(3):
        for column in range(3):
            inner = to_outputs.T @ core[:, :, row, column] @ to_inputs
            # The strength is twice the rank.
            torch.testing.assert_close(change[:, :, row, column], 2 * torch.kron(w1, inner))


def test_factors_that_are_whole_are_not_scaled() -> None:
    parts = {"lokr_w1": ones(2, 3), "lokr_w2": ones(2, 2, 3, 3)}
    assert torch.equal(Adapter(parts, lokr.make, alpha=0.5).change(KERNEL), torch.ones_like(KERNEL))


def test_magnitudes_may_be_of_inputs() -> None:
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0]])
    parts = {"up": torch.zeros(2, 1), "down": torch.zeros(1, 2)}
    magnitude = torch.tensor([[10.0, 2.0]])
    adapter = Adapter(parts, lora.make, magnitude=magnitude.expand(1, 2))
    torch.testing.assert_close(weight + adapter.change(weight), torch.tensor([[6.0, 2.0], [8.0, 0.0]]))


@pytest.mark.parametrize(
    ("up", "down"),
    [(ones(4, 2), ones(2, 7)), (ones(4, 2), ones(3, 54)), (ones(4), ones(54))],
    ids=["another weight", "another rank", "no matrices"],
)
def test_matrices_for_other_weights_do_not_fit(up: Tensor, down: Tensor) -> None:
    assert Adapter({"up": ones(4, 2), "down": ones(2, 54)}, lora.make).fits(KERNEL)
    assert not Adapter({"up": up, "down": down}, lora.make).fits(KERNEL)


@pytest.mark.parametrize("shape", [(6, 5, 1, 1), (6, 5, 3, 3)])
def test_magnitudes_of_convolutions_are_of_whole_kernels(shape: tuple[int, ...]) -> None:
    torch.manual_seed(2)
    weight, up, down = torch.randn(shape), torch.randn(6, 2, 1, 1), torch.randn(2, *shape[1:])
    magnitude = torch.rand(6, 1, 1, 1)
    changed = weight + Adapter({"up": up, "down": down}, lora.make, magnitude=magnitude).change(weight)
    for output in range(6):
        added = sum(up[output, rank, 0, 0] * down[rank] for rank in range(2))
        expected = magnitude[output] * (weight[output] + added) / weight[output].flatten().norm()
        torch.testing.assert_close(changed[output], expected)
