"""Nodes that turn, cut, join and resize latents."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_scaling import METHODS
from services.executor.nodes.latent_transform import (
    LatentConcat,
    LatentCrop,
    LatentCut,
    LatentFlip,
    LatentRotate,
    LatentUpscale,
    LatentUpscaleBy,
)


def rows(*values: list[float]) -> Latent:
    """One latent of one channel."""
    return {"samples": torch.tensor(values)[None, None]}


def numbered(height: int, width: int) -> Latent:
    return {"samples": torch.arange(float(height * width)).reshape(1, 1, height, width)}


@pytest.mark.parametrize(
    ("rotation", "turned"),
    [
        ("none", [[0.0, 1, 2], [3, 4, 5]]),
        ("90 degrees", [[3.0, 0], [4, 1], [5, 2]]),
        ("180 degrees", [[5.0, 4, 3], [2, 1, 0]]),
        ("270 degrees", [[2.0, 5], [1, 4], [0, 3]]),
    ],
)
def test_latents_turn_clockwise(rotation: str, turned: list[list[float]]) -> None:
    assert LatentRotate().rotate(numbered(2, 3), rotation)[0]["samples"][0, 0].tolist() == turned


def test_latents_are_mirrored() -> None:
    assert LatentFlip().flip(numbered(2, 2), "x-axis: vertically")[0]["samples"].flatten().tolist() == [2, 3, 0, 1]
    assert LatentFlip().flip(numbered(2, 2), "y-axis: horizontally")[0]["samples"].flatten().tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize(
    ("width", "height", "x", "y", "first", "shape"),
    [
        (64, 72, 8, 16, 2 * 20 + 1, (9, 8)),
        (64, 64, 16384, 16384, 4 * 20 + 12, (8, 8)),
        (512, 512, 80, 0, 10, (12, 10)),
    ],
)
def test_a_rectangle_stays_inside(
    width: int, height: int, x: int, y: int, first: float, shape: tuple[int, int]
) -> None:
    (part,) = LatentCrop().crop(numbered(12, 20), width, height, x, y)
    assert part["samples"].shape[-2:] == shape
    assert part["samples"][0, 0, 0, 0] == first


def test_a_latent_smaller_than_the_smallest_rectangle_stays_whole() -> None:
    assert LatentCrop().crop(numbered(4, 4), 64, 64, 8, 8)[0]["samples"].shape[-2:] == (4, 4)


@pytest.mark.parametrize(("dim", "joined"), [("x", [[1.0, 2.0]]), ("-x", [[2.0, 1.0]]), ("y", [[1.0], [2.0]])])
def test_latents_are_put_side_by_side(dim: str, joined: list[list[float]]) -> None:
    assert LatentConcat().execute(rows([1.0]), rows([2.0]), dim)[0]["samples"][0, 0].tolist() == joined


def test_the_batch_of_the_first_decides_when_latents_are_joined() -> None:
    first, second = {"samples": torch.zeros(3, 1, 1, 1)}, {"samples": torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1)}
    (joined,) = LatentConcat().execute(first, second, "-t")
    assert joined["samples"].shape == (3, 2, 1, 1)
    assert joined["samples"][:, 0].flatten().tolist() == [1.0, 2.0, 1.0]


def test_latents_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"samples2: a latent of \(1, 1, 2, 3\) does not fit to one of \(1, 1, 3, 3\)"):
        LatentConcat().execute(numbered(3, 3), numbered(2, 3), "x")


@pytest.mark.parametrize(
    ("dim", "index", "amount", "cells"),
    [
        ("x", 1, 1, [1, 4]),
        ("x", 9, 5, [2, 5]),
        ("x", -2, 1, [1, 4]),
        ("x", -9, 2, [0, 1, 3, 4]),
        ("y", -1, 16384, [3, 4, 5]),
        ("t", 0, 1, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_slice_stays_inside(dim: str, index: int, amount: int, cells: list[float]) -> None:
    assert LatentCut().execute(numbered(2, 3), dim, index, amount)[0]["samples"].flatten().tolist() == cells


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_size_asked_for_and_keeps_flat_latents(method: str) -> None:
    flat = {"samples": torch.tensor([0.2, -0.4]).reshape(1, 2, 1, 1).expand(3, 2, 9, 12)}
    (scaled,) = LatentUpscale().upscale(flat, method, 80, 128, "center")
    torch.testing.assert_close(scaled["samples"], flat["samples"][..., :1, :1].expand(3, 2, 16, 10))


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(0, 0, (10, 15)), (0, 160, (20, 30)), (240, 0, (20, 30)), (8, 8, (8, 8)), (0, 8, (8, 12))],
)
def test_a_side_of_zero_follows_from_the_other_and_none_is_below_the_smallest(
    width: int, height: int, size: tuple[int, int]
) -> None:
    (scaled,) = LatentUpscale().upscale(numbered(10, 15), "nearest-exact", width, height, "disabled")
    assert scaled["samples"].shape[-2:] == size


def test_a_factor_never_leaves_nothing() -> None:
    assert LatentUpscaleBy().upscale(numbered(3, 5), "bilinear", 1.5)[0]["samples"].shape[-2:] == (4, 8)
    assert LatentUpscaleBy().upscale(numbered(3, 5), "area", 0.01)[0]["samples"].shape[-2:] == (1, 1)


def test_bislerp_turns_vectors_and_mixes_their_lengths() -> None:
    cells = {"samples": torch.tensor([[2.0, 0.0], [0.0, 4.0]]).reshape(1, 2, 1, 2)}
    (scaled,) = LatentUpscaleBy().upscale(cells, "bislerp", 2.0)
    quarter = torch.tensor([torch.pi / 8, torch.pi * 3 / 8])  # the new cells lie at 0, 1/4, 3/4 and 1
    expected = torch.stack([quarter.cos(), quarter.sin()]) * torch.tensor([2.5, 3.5])
    torch.testing.assert_close(scaled["samples"][0, :, 0, 1:3], expected)
    assert scaled["samples"][0, :, 1, [0, 3]].tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_bislerp_goes_straight_between_opposite_vectors_and_from_empty_ones() -> None:
    opposite = {"samples": torch.tensor([[1.0, -1.0]]).reshape(1, 1, 1, 2)}
    assert LatentUpscaleBy().upscale(opposite, "bislerp", 2.0)[0]["samples"][0, 0, 0].tolist() == [1, 0.5, -0.5, -1]
    empty = {"samples": torch.zeros(1, 4, 2, 2)}
    assert not LatentUpscaleBy().upscale(empty, "bislerp", 1.7)[0]["samples"].any()


def test_latents_with_frames_are_scaled_frame_by_frame() -> None:
    frames = torch.arange(3.0).reshape(1, 1, 3, 1, 1).expand(2, 4, 3, 8, 8)
    (scaled,) = LatentUpscaleBy().upscale({"samples": frames}, "bilinear", 2.0)
    assert torch.equal(scaled["samples"], frames[..., :1, :1].expand(2, 4, 3, 16, 16))


def test_an_unknown_method_and_a_size_that_could_not_be_held_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="upscale_method: 'magic'"):
        LatentUpscaleBy().upscale(numbered(2, 2), "magic", 1.0)
    monkeypatch.setattr(limits, "largest_result", lambda: 1000)
    with pytest.raises(ValueError, match="^scale_by: "):
        LatentUpscaleBy().upscale(numbered(10, 10), "bilinear", 8.0)
    with pytest.raises(ValueError, match="^width, height: "):
        LatentUpscale().upscale(numbered(10, 10), "bilinear", 1024, 1024, "disabled")
