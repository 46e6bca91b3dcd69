"""Adapters that rotate the outputs of a layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.adapters import boft, oft
from services.executor.diffusion.adapters.adapter import Adapter
from services.executor.diffusion.adapters.read import adapters
from services.executor.diffusion.adapters.rotations import rotations
from services.executor.patching.weights import WeightPatch, patched

OUTPUTS = 8
SHAPES = [(OUTPUTS, 5), (OUTPUTS, 3, 3, 3)]


def blocks(*shape: int) -> Tensor:
    torch.manual_seed(3)
    return 0.3 * torch.randn(shape)


def cayley(block: Tensor) -> Tensor:
    """By the series of the matrix's eigenvalues rather than by solving."""
    values, vectors = torch.linalg.eig((block - block.T).double())
    turn: Tensor = (vectors @ torch.diag((1 + values) / (1 - values)) @ vectors.inverse()).real.float()
    return turn


def test_blocks_become_rotations() -> None:
    turns = rotations(blocks(2, 4, 4), None, OUTPUTS)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(4).expand(2, 4, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(2))
    torch.testing.assert_close(turns[1], cayley(blocks(2, 4, 4)[1]), atol=1e-5, rtol=0)


def test_a_constraint_limits_how_far_they_go() -> None:
    given = blocks(2, 4, 4)
    skew = given - given.mT
    norm = float(skew.norm())
    scaled = rotations(given * (0.5 / norm), None, OUTPUTS)
    torch.testing.assert_close(rotations(given, torch.tensor(0.5 / OUTPUTS), OUTPUTS), scaled)
    assert torch.equal(rotations(given, torch.tensor(1e6), OUTPUTS), rotations(given, None, OUTPUTS))
    assert torch.equal(rotations(given, torch.tensor(0.0), OUTPUTS), rotations(given, None, OUTPUTS))
    assert torch.equal(rotations(torch.zeros(2, 4, 4), torch.tensor(1.0), OUTPUTS)[0], torch.eye(4))


@pytest.mark.parametrize("shape", SHAPES)
def test_oft_multiplies_by_a_block_diagonal(shape: tuple[int, ...]) -> None:
    weight, given, rescale = torch.randn(shape), blocks(2, 4, 4), torch.rand(OUTPUTS, *[1] * (len(shape) - 1))
    changed = weight + Adapter({"oft_blocks": given, "rescale": rescale}, oft.make).change(weight)
    whole = torch.zeros(OUTPUTS, OUTPUTS)
    for place, block in enumerate(given):
        whole[4 * place : 4 * place + 4, 4 * place : 4 * place + 4] = cayley(block).T
    expected = rescale.flatten()[:, None] * (whole @ weight.flatten(1))
    torch.testing.assert_close(changed.flatten(1), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_boft_multiplies_by_butterflies(shape: tuple[int, ...]) -> None:
    weight, given = torch.randn(shape), blocks(3, 4, 2, 2)
    changed = weight + Adapter({"oft_blocks": given}, boft.make).change(weight)
    expected = weight.flatten(1)
    for number, factor in enumerate(given):
        distance = 2**number
        firsts = [output for output in range(OUTPUTS) if not output & distance]
        turned = expected.clone()
        for block, one in zip(factor, firsts, strict=True):
            pair = [one, one + distance]
            turned[pair] = cayley(block) @ expected[pair]
        expected = turned
    torch.testing.assert_close(changed.flatten(1), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(changed.flatten(1).norm(dim=0), weight.flatten(1).norm(dim=0))


@pytest.mark.parametrize("given", [blocks(2, 4, 4), blocks(2, 2, 4, 4)])
def test_files_hold_blocks_and_a_constraint(given: Tensor) -> None:
    tensors = {"oft_unet_x.oft_blocks": given, "oft_unet_x.alpha": torch.tensor(0.1)}
    (change,) = adapters(tensors, {"oft_unet_x": "x"})
    weight = torch.randn(OUTPUTS, 5)
    assert change.value.fits(weight)
    assert not change.value.fits(torch.randn(OUTPUTS + 1, 5))
    assert set(change.keys) == tensors.keys()
    half = patched(weight, [WeightPatch(0.5, change.value)], "x")
    whole = patched(weight, [WeightPatch(1.0, change.value)], "x")
    torch.testing.assert_close(half - weight, (whole - weight) / 2)
    assert torch.equal(patched(weight, [WeightPatch(0.0, change.value)], "x"), weight)
    assert not torch.allclose(whole, weight, atol=1e-3)
