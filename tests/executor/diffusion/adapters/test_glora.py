"""The weight times one matrix, and another one."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.adapters.read import adapters

RANK = 2


@pytest.mark.parametrize("kernel", [(), (1, 1), (3, 3)])
def test_the_weight_is_multiplied_by_its_input_channels(kernel: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    weight = torch.randn(6, 5, *kernel)
    rest = weight[0, 0].numel()
    parts = {"a1": (5, RANK), "a2": (RANK, 5), "b1": (6, RANK), "b2": (RANK, 5 * rest)}
    tensors = {f"x.{name}.weight": torch.randn(shape) for name, shape in parts.items()}
    (change,) = adapters({**tensors, "x.alpha": torch.tensor(4.0)}, {"x": "x"})
    a1, a2, b1, b2 = tensors.values()
    assert change.value.fits(weight)
    columns = weight.flatten(2) if kernel else weight[..., None]
    multiplied = torch.stack([columns[..., place] @ a1 @ a2 for place in range(rest)], dim=-1)
    expected = 4.0 / RANK * (multiplied.reshape(weight.shape) + (b1 @ b2).reshape(weight.shape))
    torch.testing.assert_close(change.value.change(weight), expected)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_the_older_layout_has_the_other_order(kernel: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    weight = torch.randn(6, 5, *kernel)
    inputs = weight[0].numel()
    parts = {"a1": (RANK, inputs), "a2": (inputs, RANK), "b1": (RANK, inputs), "b2": (6, RANK)}
    tensors = {f"x.{name}.weight": torch.randn(shape) for name, shape in parts.items()}
    (change,) = adapters(tensors, {"x": "x"})
    a1, a2, b1, b2 = tensors.values()
    expected = (weight.flatten(1) @ (a2 @ a1) + b2 @ b1).reshape(weight.shape)
    torch.testing.assert_close(change.value.change(weight), expected)
    assert not change.value.fits(torch.randn(7, 5, *kernel))
