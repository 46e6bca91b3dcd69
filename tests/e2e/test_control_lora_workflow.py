"""A workflow that a published description of ComfyUI's API shows, with small models of the same architectures.

Stable Diffusion XL follows two pictures and a Control-LoRA, whose hint is drawn by the bundled node pack.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.e2e.stack import Stack, running, wait_for
from tests.executor.diffusion.control.nets import control_lora_weights
from tests.executor.diffusion.golden import GOLDEN

WORKFLOW = Path(__file__).parent / "workflows" / "two_pictures_and_a_scribble.json"
FIRST, SECOND = "clipspace-mask-1645940.7000000002.png", "beijing1 (2).webp"
VAE = "first_stage_model."
WIDTH, HEIGHT, STEPS = 128, 96, 4
CHANGED = 0.2  # of the values of a picture; random networks are little moved by what they follow


def put_models(folder: Path) -> None:
    """Small random ones under the names that the workflow has."""
    for kind in ("checkpoints", "clip_vision", "controlnet"):
        (folder / kind).mkdir(parents=True)
    checkpoint, vae = (
        GOLDEN / "models" / "checkpoints" / f"{name}.safetensors" for name in ("sdxl_small", "sd15_small")
    )
    weights = load_file(checkpoint) | {name: tensor for name, tensor in load_file(vae).items() if name.startswith(VAE)}
    with safe_open(checkpoint, "pt") as file:
        save_file(weights, folder / "checkpoints" / "sd_xl_base_1.0.safetensors", file.metadata())
    encoder = GOLDEN / "models" / "clip_vision" / "cv_small.safetensors"
    (folder / "clip_vision" / "clip_vision_g.safetensors").write_bytes(encoder.read_bytes())
    control = {**control_lora_weights("sdxl_small"), "lora_controlnet": torch.zeros(0)}
    save_file(control, folder / "controlnet" / "control-lora-depth-rank256.safetensors")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data, packs = tmp_path_factory.mktemp("stack"), tmp_path_factory.mktemp("packs")
    put_models(data / "models")
    with running(data, custom_nodes=packs) as stack:
        wait_for(lambda: "HEDPreprocessor" in stack.get("/object_info"), "the catalogue of nodes")
        upload(stack, FIRST, "clipspace", (200, 40, 40))
        upload(stack, SECOND, "", (40, 40, 200))
        yield stack


def upload(stack: Stack, name: str, subfolder: str, colour: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (96, 80), (230, 230, 220))
    ImageDraw.Draw(image).ellipse([20, 10, 80, 70], fill=colour)
    content = io.BytesIO()
    image.save(content, Path(name).suffix[1:].upper(), lossless=True)
    form = {"subfolder": subfolder, "type": "input"}
    answer = stack.client.post("/upload/image", data=form, files={"image": (name, content.getvalue())})
    assert answer.json()["name"] == name


@pytest.fixture
def workflow() -> dict[str, Any]:
    """The workflow, with a smaller picture and fewer steps."""
    prompt: dict[str, Any] = json.loads(WORKFLOW.read_bytes())
    prompt["3"]["inputs"]["steps"] = STEPS
    prompt["5"]["inputs"] |= {"width": WIDTH, "height": HEIGHT}
    return prompt


def pixels(stack: Stack, shown: dict[str, Any]) -> np.ndarray[Any, Any]:
    answer: httpx.Response = stack.client.get("/view", params=shown).raise_for_status()
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def made(stack: Stack, prompt: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """What each node shows."""
    entry = stack.finished(stack.submit(prompt))
    assert entry["status"]["status_str"] == "success", entry["status"]
    return {node: pixels(stack, output["images"][0]) for node, output in entry["outputs"].items()}


def test_it_runs_as_it_is(stack: Stack, workflow: dict[str, Any]) -> None:
    """Its CLIPVisionEncode nodes say nothing of `crop`, which there was not when it was made."""
    pictures = made(stack, workflow)
    assert set(pictures) == {"9", "45", "48"}
    assert pictures["9"].shape == (HEIGHT, WIDTH, 3)
    for lines in (pictures["45"], pictures["48"]):
        assert lines.shape == (512, 614, 3)
        assert (lines[0].max(), lines.max()) == (0, 255)


@pytest.mark.parametrize(
    ("node", "strength"), [("19", 0.0), ("37", -0.75), ("49", 0.0)], ids=["first", "second", "control"]
)
def test_both_pictures_and_the_scribble_count(
    stack: Stack, workflow: dict[str, Any], node: str, strength: float
) -> None:
    before = made(stack, workflow)["9"]
    workflow[node]["inputs"]["strength"] = strength
    assert (made(stack, workflow)["9"] != before).mean() > CHANGED


def test_what_is_missing_costs_only_what_needs_it(stack: Stack, workflow: dict[str, Any]) -> None:
    del workflow["49"]["inputs"]["control_net"]
    answer = stack.post("/prompt", {"prompt": workflow}).json()
    assert answer["node_errors"]["49"]["errors"][0]["type"] == "required_input_missing"
    assert set(stack.finished(answer["prompt_id"])["outputs"]) == {"45", "48"}
