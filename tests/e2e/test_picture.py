"""A prompt in, a picture out, through four real processes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from blake3 import blake3
from PIL import Image
from websockets.sync.client import connect

from tests.e2e.conftest import EXAMPLE
from tests.e2e.stack import Stack

ROOT = Path(__file__).resolve().parents[2]

Frame = dict[str, Any] | bytes


def run_and_listen(stack: Stack, graph: dict[str, Any], **more: Any) -> tuple[str, list[Frame]]:
    """Submit as a ComfyUI client does; everything that came over the socket, up to the last message of the prompt."""
    client_id = uuid.uuid4().hex
    with connect(f"{stack.url.replace('http', 'ws')}/ws?clientId={client_id}", max_size=None) as socket:
        socket.send(json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}}))
        prompt_id = stack.submit(graph, client_id=client_id, **more)
        frames: list[Frame] = []
        while True:
            frame = socket.recv(timeout=60)
            frames.append(frame if isinstance(frame, bytes) else json.loads(frame))
            last = frames[-1]
            if isinstance(last, dict) and last["type"] == "executing" and last["data"]["node"] is None:
                return prompt_id, frames


def picture(stack: Stack, prompt_id: str, node_id: str = "9") -> Image.Image:
    image = stack.get(f"/history/{prompt_id}")[prompt_id]["outputs"][node_id]["images"][0]
    answer = httpx.get(f"{stack.url}/view", params=image, trust_env=False)
    assert answer.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(answer.content))


def mean_colour(image: Image.Image, box: tuple[int, int, int, int]) -> np.ndarray[Any, Any]:
    colour: np.ndarray[Any, Any] = np.asarray(image.convert("RGB").crop(box), dtype=float).mean(axis=(0, 1))
    return colour


def test_the_example_makes_a_red_circle_on_a_blue_background(stack: Stack, example: dict[str, Any]) -> None:
    prompt_id, frames = run_and_listen(stack, example)
    messages = [frame["type"] for frame in frames if isinstance(frame, dict)]
    assert messages[:2] == ["status", "feature_flags"]
    assert [kind for kind in messages if kind.startswith("execution_")] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]
    steps = [f["data"]["value"] for f in frames if isinstance(f, dict) and f["type"] == "progress"]
    assert steps[-1] == 20
    assert steps == sorted(steps)
    assert sum(isinstance(frame, bytes) for frame in frames) > 1, "previews"
    image = picture(stack, prompt_id)
    assert image.size == (128, 128)
    red, green, blue = mean_colour(image, (54, 54, 74, 74))
    assert red > 150 > 100 > max(green, blue)
    red, green, blue = mean_colour(image, (0, 0, 20, 128))
    assert blue > 150 > 120 > max(red, green)


def test_the_picture_tells_how_it_was_made(stack: Stack, example: dict[str, Any]) -> None:
    workflow = {"nodes": [], "version": 0.4}
    example["3"]["inputs"]["seed"] = 11
    prompt_id = stack.submit(example, extra_data={"extra_pnginfo": {"workflow": workflow}})
    stack.finished(prompt_id)
    image = picture(stack, prompt_id)
    assert json.loads(image.info["prompt"]) == example
    assert json.loads(image.info["workflow"]) == workflow


def test_the_output_lies_in_a_browsable_folder(stack: Stack, example: dict[str, Any]) -> None:
    example["9"]["inputs"]["filename_prefix"] = "album/photo"
    entry = stack.finished(stack.submit(example))
    image = entry["outputs"]["9"]["images"][0]
    assert (image["filename"], image["subfolder"], image["type"]) == ("photo_00001_.png", "album", "output")
    assert (stack.data / "output" / "album" / "photo_00001_.png").is_file()


def test_the_same_prompt_again_is_answered_from_the_cache(stack: Stack, example: dict[str, Any]) -> None:
    example["3"]["inputs"]["seed"] = 7
    first, _ = run_and_listen(stack, example)
    again, frames = run_and_listen(stack, example)
    cached = next(f for f in frames if isinstance(f, dict) and f["type"] == "execution_cached")
    assert set(cached["data"]["nodes"]) == set(example)
    outputs = [stack.get(f"/history/{prompt_id}")[prompt_id]["outputs"] for prompt_id in (first, again)]
    assert outputs[0] == outputs[1] != {}


@pytest.mark.parametrize("asked", [{"free_memory": True}, {"unload_models": True}, {}])
def test_memory_is_given_back_when_asked_for(stack: Stack, example: dict[str, Any], asked: dict[str, bool]) -> None:
    example["3"]["inputs"] |= {"seed": 8, "steps": 2}
    stack.finished(stack.submit(example))
    assert stack.post("/free", asked).status_code == 200
    _, frames = run_and_listen(stack, example)
    cached = next(f for f in frames if isinstance(f, dict) and f["type"] == "execution_cached")
    assert bool(cached["data"]["nodes"]) is not asked.get("free_memory", False)


def test_the_same_seed_gives_the_same_picture(stack: Stack, example: dict[str, Any]) -> None:
    pixels = []
    for steps in (4, 5, 4):  # the change in between empties the cache
        example["3"]["inputs"]["steps"] = steps
        prompt_id = stack.submit(example)
        stack.finished(prompt_id)
        pixels.append(np.asarray(picture(stack, prompt_id)))
    assert np.array_equal(pixels[0], pixels[2])
    assert not np.array_equal(pixels[0], pixels[1])


@pytest.mark.parametrize("scheduler", ["normal", "karras"])
@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "dpmpp_2m"])
def test_samplers_and_schedulers_run(stack: Stack, example: dict[str, Any], sampler: str, scheduler: str) -> None:
    example["3"]["inputs"] |= {"sampler_name": sampler, "scheduler": scheduler, "steps": 3}
    assert stack.finished(stack.submit(example))["status"]["status_str"] == "success"


def test_an_uploaded_picture_goes_through_a_workflow(stack: Stack) -> None:
    source = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    content = io.BytesIO()
    source.save(content, "PNG")
    answer = httpx.post(
        f"{stack.url}/upload/image", files={"image": ("mine.png", content.getvalue())}, trust_env=False
    ).raise_for_status()
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": answer.json()["name"]}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {
            "class_type": "ImageScale",
            "inputs": {
                "image": ["2", 0],
                "upscale_method": "nearest-exact",
                "width": 128,
                "height": 96,
                "crop": "disabled",
            },
        },
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
    }
    prompt_id = stack.submit(graph)
    assert stack.finished(prompt_id)["outputs"]["4"]["images"][0]["type"] == "temp"
    shown = np.asarray(picture(stack, prompt_id, "4"))
    # Colours are cut, not rounded, to 8 bits when they are saved, as ComfyUI does.
    assert np.abs(shown[::2, ::2].astype(int) - (255 - np.asarray(source).astype(int))).max() <= 1


def test_the_bundled_upscaler_makes_a_picture_four_times_as_large(stack: Stack, example: dict[str, Any]) -> None:
    example["10"] = {
        "class_type": "UpscaleModelLoader",
        "inputs": {"model_name": "realesr-animevideov3-x4.safetensors"},
    }
    example["11"] = {
        "class_type": "ImageUpscaleWithModel",
        "inputs": {"upscale_model": ["10", 0], "image": ["8", 0]},
    }
    example["12"] = {"class_type": "PreviewImage", "inputs": {"images": ["11", 0]}}
    prompt_id = stack.submit(example)
    assert stack.finished(prompt_id)["status"]["status_str"] == "success"
    small, large = picture(stack, prompt_id), picture(stack, prompt_id, "12")
    assert large.size == (small.width * 4, small.height * 4)
    shrunk = large.resize(small.size, Image.Resampling.BOX).convert("RGB")
    assert np.abs(np.asarray(shrunk, dtype=float) - np.asarray(small.convert("RGB"), dtype=float)).mean() < 8


def test_a_picture_can_be_encoded_and_decoded(stack: Stack, example: dict[str, Any]) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 128, "height": 128, "batch_size": 1, "color": 0x2040E0}},
        "4": example["4"],
        "5": {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0], "vae": ["4", 2]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "round"}},
    }
    prompt_id = stack.submit(graph)
    stack.finished(prompt_id)
    colour = mean_colour(picture(stack, prompt_id), (0, 0, 128, 128))
    assert np.abs(colour - [0x20, 0x40, 0xE0]).max() < 30


def test_the_run_command_saves_the_picture(stack: Stack, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services", "run", str(EXAMPLE), "--server", stack.url, "--output", str(tmp_path)]
        + ["--set", "6.text=a green square on a white background", "--set", "3.steps=2"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    path = Path(ended.stdout.strip())
    assert path.parent == tmp_path
    with Image.open(path) as image:
        assert json.loads(image.info["prompt"])["6"]["inputs"]["text"] == "a green square on a white background"


def test_the_client_example_saves_the_picture_and_the_job_is_exported(stack: Stack, tmp_path: Path) -> None:
    example = ROOT / "docs" / "examples" / "pictures.py"
    arguments = [stack.queue, stack.files, str(EXAMPLE), str(tmp_path / "made")]
    ended = subprocess.run([sys.executable, str(example), *arguments], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    *events, saved = ended.stdout.splitlines()
    assert events[0] == "1 Submitted" and events[-1].endswith("ExecutionSucceeded")
    path = Path(saved.removeprefix("saved "))
    with Image.open(path) as image:
        assert image.size == (128, 128)
    job = httpx.get(f"{stack.url}/api/jobs?limit=1", trust_env=False).json()["jobs"][0]
    exporting = [sys.executable, "-m", "services", "export", job["id"], "--queue", stack.queue]
    exported = subprocess.run(exporting, capture_output=True, timeout=60)
    assert exported.returncode == 0, exported.stderr
    document = json.loads(exported.stdout)
    assert document["graph"] == json.loads(EXAMPLE.read_bytes())
    (output,) = document["outputs"]
    assert (output["filename"], output["blake3"]) == (path.name, blake3(path.read_bytes()).hexdigest())
    attempt = document["attempts"][-1]
    ran_on = attempt["ran_on"]
    assert attempt["device"] and ran_on["torch"]
    assert [model["folder"] for model in ran_on["models"]] == ["checkpoints"]


def test_the_grpc_example_follows_a_prompt_to_its_end(stack: Stack) -> None:
    example = ROOT / "docs" / "examples" / "submit.py"
    ended = subprocess.run(
        [sys.executable, str(example), stack.queue, str(EXAMPLE)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    kinds = [line.split()[1] for line in ended.stdout.splitlines()]
    assert kinds[:3] == ["submitted", "assigned", "started"]
    assert kinds[-1] == "succeeded"
