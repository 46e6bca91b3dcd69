"""A model that one workflow saves, used by another."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.e2e.stack import Stack, wait_for

LOADER = "CheckpointLoaderSimple"


def offered(stack: Stack) -> list[str]:
    names: list[str] = stack.get(f"/object_info/{LOADER}")[LOADER]["input"]["required"]["ckpt_name"][0]
    return names


def picture(stack: Stack, entry: dict[str, Any]) -> np.ndarray[Any, Any]:
    image = entry["outputs"]["9"]["images"][0]
    answer = httpx.get(f"{stack.url}/view", params=image, trust_env=False)
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_saved_checkpoint_makes_the_same_picture(stack: Stack, example: dict[str, Any]) -> None:
    (loader,) = (node for node, entry in example.items() if entry["class_type"] == LOADER)
    parts = {part: [loader, slot] for slot, part in enumerate(("model", "clip", "vae"))}
    saving = {**parts, "filename_prefix": "checkpoints/mine"}
    saved = stack.submit({**example, "save": {"class_type": "CheckpointSave", "inputs": saving}})
    first = stack.finished(saved)
    assert first["status"]["status_str"] == "success"
    name = "mine_00001_.safetensors"
    wait_for(lambda: name in offered(stack), "the saved checkpoint among those that can be loaded")
    assert name in stack.get("/models/checkpoints")
    example[loader]["inputs"]["ckpt_name"] = name
    second = stack.finished(stack.submit(example))
    assert second["status"]["status_str"] == "success"
    one, other = (picture(stack, entry) for entry in (first, second))
    assert np.array_equal(one, other)
