"""The node that brings pictures or masks to a size which is said in one of many ways."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.resizing import ResizeImageMaskNode

PICTURES = torch.rand(2, 32, 64, 3)
MASKS = torch.rand(2, 32, 64)


def resized(given: torch.Tensor, way: str, method: str = "bilinear", **inputs: Any) -> torch.Tensor:
    said = {"resize_type": way, **{f"resize_type.{name}": value for name, value in inputs.items()}}
    return ResizeImageMaskNode().execute(given, method, **said)[0]


@pytest.mark.parametrize(
    ("way", "inputs", "size"),
    [
        ("scale by multiplier", {"multiplier": 0.5}, (16, 32)),
        ("scale by multiplier", {"multiplier": 0.01}, (1, 1)),
        ("scale dimensions", {"width": 10, "height": 20, "crop": "center"}, (20, 10)),
        ("scale dimensions", {"width": 0, "height": 16, "crop": "disabled"}, (16, 32)),
        ("scale longer dimension", {"longer_size": 128}, (64, 128)),
        ("scale shorter dimension", {"shorter_size": 128}, (128, 256)),
        ("scale width", {"width": 16}, (8, 16)),
        ("scale height", {"height": 16}, (16, 32)),
        ("scale height", {"height": 0}, (32, 64)),
        ("scale total pixels", {"megapixels": 0.5}, (512, 1024)),
        ("match size", {"match": torch.zeros(1, 7, 9, 3), "crop": "disabled"}, (7, 9)),
        ("match size", {"match": torch.zeros(1, 7, 9), "crop": "disabled"}, (7, 9)),
    ],
)
def test_pictures_and_masks_get_the_size_that_is_said(way: str, inputs: dict[str, Any], size: tuple[int, int]) -> None:
    assert resized(PICTURES, way, **inputs).shape == (2, *size, 3)
    assert resized(MASKS, way, **inputs).shape == (2, *size)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_every_method_keeps_what_is_even(method: str) -> None:
    grey = torch.full((1, 16, 16, 3), 0.4)
    torch.testing.assert_close(resized(grey, "scale width", method, width=8), grey[:, :8, :8], atol=1 / 255, rtol=0)


def test_a_crop_keeps_the_proportions() -> None:
    halves = torch.zeros(1, 4, 8, 3)
    halves[:, :, :2] = 1
    assert resized(halves, "scale dimensions", width=4, height=4, crop="disabled")[0, 0, 0, 0] == 1
    assert not resized(halves, "scale dimensions", width=4, height=4, crop="center").any()


def test_bad_inputs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="^resize_type: 'gone' is not one of scale by multiplier"):
        resized(PICTURES, "gone")
    with pytest.raises(ValueError, match=r"^resize_type\.width: there is none"):
        resized(PICTURES, "scale width")
    with pytest.raises(ValueError, match="^scale_method: 'magic' is not one of"):
        resized(PICTURES, "scale width", "magic", width=8)
    monkeypatch.setattr(limits, "largest_result", lambda: 2**20)
    with pytest.raises(ValueError, match=r"^resize_type\.longer_size: "):
        resized(PICTURES, "scale longer dimension", longer_size=16384)
