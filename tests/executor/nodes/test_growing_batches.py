"""Nodes that put as many batches together as are linked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch

from services.executor.nodes import limits
from services.executor.nodes.growing_batches import BatchImagesNode, BatchLatentsNode, BatchMasksNode
from services.graph.errors import PromptRejected
from tests.executor.custom.bench import Prompt, pack_bench, shown


def test_pictures_follow_in_the_order_of_their_numbers_in_the_size_of_the_first() -> None:
    values = {2: (8, 8), 0: (4, 6), 10: (4, 6)}
    images: dict[str, Any] = {
        f"images.image{number}": torch.full((1, *size, 3), number / 10) for number, size in values.items()
    }
    (batch,) = BatchImagesNode().execute(**images)
    assert batch.shape == (3, 4, 6, 3)
    torch.testing.assert_close(batch[:, 0, 0, 0], torch.tensor([0.0, 0.2, 1.0]))


def test_transparency_of_one_is_opacity_of_the_others() -> None:
    images = {"images.image0": torch.zeros(1, 2, 2, 3), "images.image1": torch.zeros(2, 2, 2, 4)}
    (batch,) = BatchImagesNode().execute(**images)
    assert batch[:, 0, 0, 3].tolist() == [1, 0, 0]


def test_masks_and_latents_are_fitted_to_the_first() -> None:
    masks = {"masks.mask0": torch.zeros(2, 4, 4), "masks.mask1": torch.ones(8, 8)}
    (batch,) = BatchMasksNode().execute(**masks)
    assert batch.shape == (3, 4, 4)
    assert batch[:, 0, 0].tolist() == [0, 0, 1]
    latents: dict[str, Any] = {
        "latents.latent0": {"samples": torch.zeros(1, 4, 4, 6), "kept": 1},
        "latents.latent1": {"samples": torch.ones(2, 4, 8, 8), "left": 1},
    }
    (latent,) = BatchLatentsNode().execute(**latents)
    assert latent["samples"].shape == (3, 4, 4, 6)
    assert latent["samples"][:, 0, 0, 0].tolist() == [0, 1, 1]
    assert latent.keys() == {"samples", "kept"}


def test_bad_inputs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="^images: none is linked"):
        BatchImagesNode().execute()
    latents: dict[str, Any] = {
        "latents.latent0": {"samples": torch.zeros(1, 4, 4, 4)},
        "latents.latent1": {"samples": torch.zeros(1, 16, 4, 4)},
    }
    with pytest.raises(ValueError, match=r"^latents\.latent1: a latent of 16 channels does not go with one of 4"):
        BatchLatentsNode().execute(**latents)
    monkeypatch.setattr(limits, "largest_result", lambda: 2**10)
    with pytest.raises(ValueError, match="^images: "):
        BatchImagesNode().execute(**{"images.image0": torch.zeros(9, 4, 4, 3)})


def test_a_prompt_links_them_by_their_numbers(tmp_path: Path) -> None:
    def picture(color: int) -> tuple[str, dict[str, Any]]:
        return "EmptyImage", {"width": 4, "height": 4, "batch_size": 1, "color": color}

    prompt: Prompt = {
        "a": picture(0),
        "b": picture(0xFFFFFF),
        "both": ("BatchImagesNode", {"images.image0": ["a", 0], "images.image1": ["b", 0]}),
        "out": ("PreviewImage", {"images": ["both", 0]}),
    }
    with pack_bench(tmp_path) as bench:
        assert asyncio.run(bench.validate(prompt)).output_node_ids == ("out",)
        assert len(shown(bench.run(prompt))["images"]) == 2
        del prompt["both"][1]["images.image1"]
        with pytest.raises(PromptRejected) as rejected:
            asyncio.run(bench.validate(prompt))
    assert "images.image1" in rejected.value.node_errors_json.decode()
