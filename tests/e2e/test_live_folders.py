"""Files that people put into the folders by hand, change and remove, over the real stack: seen without a restart."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from tests.e2e.stack import Stack, wait_for
from tests.gateway.model_files import safetensors, store


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def offered(stack: Stack, node: str, field: str) -> list[str]:
    names: list[str] = stack.get(f"/object_info/{node}")[node]["input"]["required"][field][0]
    return names


def view(stack: Stack, filename: str, kind: str) -> tuple[int, bytes]:
    answer = stack.client.get("/view", params={"filename": filename, "type": kind})
    return answer.status_code, answer.content


def shown(stack: Stack, filename: str) -> bytes:
    """What a prompt that shows a picture makes of it."""
    graph: dict[str, Any] = {
        "1": {"class_type": "LoadImage", "inputs": {"image": filename}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    [image] = stack.finished(stack.submit(graph))["outputs"]["2"]["images"]
    return stack.client.get("/view", params=image).content


def colour(content: bytes) -> tuple[int, ...]:
    pixel = Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


def test_pictures_that_are_dropped_changed_and_removed_by_hand_are_followed(stack: Stack) -> None:
    path = stack.data / "input" / "dropped.png"
    path.write_bytes(picture("red"))
    assert view(stack, "dropped.png", "input") == (200, picture("red"))
    wait_for(lambda: "dropped.png" in offered(stack, "LoadImage", "image"), "the picture among those offered")
    assert colour(shown(stack, "dropped.png")) == (255, 0, 0)

    path.write_bytes(picture("blue"))
    assert view(stack, "dropped.png", "input") == (200, picture("blue"))
    assert colour(shown(stack, "dropped.png")) == (0, 0, 255)

    path.unlink()
    assert view(stack, "dropped.png", "input")[0] == 404
    wait_for(lambda: "dropped.png" not in offered(stack, "LoadImage", "image"), "the picture no longer offered")


def test_results_that_are_replaced_or_removed_by_hand_are_followed(stack: Stack) -> None:
    path = stack.data / "output" / "by hand.png"
    for content in (picture("red"), picture("blue")):
        path.write_bytes(content)
        assert view(stack, path.name, "output") == (200, content)
    path.unlink()
    assert view(stack, path.name, "output")[0] == 404


def test_models_of_other_programs_are_offered_and_followed(stack: Stack) -> None:
    webui = stack.data / "webui" / "models"
    assert "mine.safetensors" not in stack.get("/models/loras")
    found = {
        "Stable-diffusion/sd/theirs.safetensors": safetensors(200, {"about": "theirs"}),
        "LyCORIS/mine.safetensors": safetensors(200, {"about": "LyCORIS"}),
        "Lora/mine.safetensors": safetensors(200, {"about": "Lora"}),
    }
    store(webui, found)
    assert "sd/theirs.safetensors" in stack.get("/models/checkpoints")
    assert stack.get("/models/loras").count("mine.safetensors") == 1
    assert stack.get("/view_metadata/loras", filename="mine.safetensors") == {"about": "Lora"}
    wait_for(
        lambda: (
            "sd/theirs.safetensors" in offered(stack, "CheckpointLoaderSimple", "ckpt_name")
            and "mine.safetensors" in offered(stack, "LoraLoader", "lora_name")
        ),
        "the models among those that can be loaded",
    )

    (webui / "Lora" / "mine.safetensors").unlink()
    assert stack.get("/view_metadata/loras", filename="mine.safetensors") == {"about": "LyCORIS"}
    for path in found:
        (webui / path).unlink(missing_ok=True)
    assert "mine.safetensors" not in stack.get("/models/loras")


def test_a_model_that_is_changed_by_hand_is_described_anew(stack: Stack) -> None:
    path = stack.data / "models" / "loras" / "changing.safetensors"
    for about in ("first", "second"):
        store(path.parent, {path.name: safetensors(300, {"about": about})})
        assert stack.get("/view_metadata/loras", filename=path.name) == {"about": about}
    path.unlink()
    assert stack.client.get("/view_metadata/loras", params={"filename": path.name}).status_code == 404
