"""Bad input gets a clear answer that names what is wrong, and the next prompt works."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.stack import Stack, wait_for

GOOD: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 9}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


def with_input(node_id: str, name: str, value: Any) -> dict[str, Any]:
    """The good prompt with one input replaced."""
    node = GOOD[node_id]
    return GOOD | {node_id: node | {"inputs": node["inputs"] | {name: value}}}


REFUSED = [
    (b"{", "JSON"),
    (b"\xff\xfe", "JSON"),
    (b"[]", "object"),
    (b"{}", "prompt"),
    (b'{"prompt": null}', "prompt"),
    (b'{"prompt": "hello"}', "prompt"),
    (b'{"prompt": {"1": null}}', "1"),
    (b'{"prompt": {"1": {"inputs": {}}}}', "class_type"),
    (b'{"prompt": {"1": {"class_type": "NoSuchNode", "inputs": {}}}}', "NoSuchNode"),
    (b'{"prompt": {"1": {"class_type": "EmptyImage", "inputs": {}}}}', "output"),
    (b'{"prompt": {}, "extra_data": null, "client_id": "x"}', "extra_data"),
    (b'{"prompt": {}, "number": "abc"}', "number"),
]


@pytest.mark.parametrize(("body", "named"), REFUSED)
def test_a_malformed_submission_is_refused_with_a_reason(stack: Stack, body: bytes, named: str) -> None:
    answer = httpx.post(f"{stack.url}/prompt", content=body, trust_env=False)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert named.lower() in f"{error['message']} {error['details']} {error['type']}".lower()
    assert_next_prompt_works(stack)


@pytest.mark.parametrize(
    ("node_id", "name", "value", "kind"),
    [
        ("1", "width", "wide", "invalid_input_type"),
        ("1", "width", 0, "value_smaller_than_min"),
        ("1", "width", 10**9, "value_bigger_than_max"),
        ("2", "images", ["77", 0], None),
        ("2", "images", ["1", 5], None),
    ],
)
def test_a_wrong_input_is_named(stack: Stack, node_id: str, name: str, value: Any, kind: str | None) -> None:
    answer = stack.post("/prompt", {"prompt": with_input(node_id, name, value)})
    assert answer.status_code == 400
    problems = answer.json()["node_errors"][node_id]["errors"]
    assert problems
    assert kind is None or problems[0]["type"] == kind
    assert name in str(problems) or "tuple index" in str(problems) or "77" in str(problems)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 64, (10**15).to_bytes(8, "little") + b"{}"])
def test_a_checkpoint_that_is_none_is_a_node_error(
    stack: Stack, example: dict[str, Any], content: bytes, tmp_path: Path
) -> None:
    folder = stack.data / "models" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"broken_{len(content)}_{sum(content)}.safetensors"
    (folder / name).write_bytes(content)
    example["4"]["inputs"]["ckpt_name"] = name

    def accepted() -> str | None:
        answer = stack.post("/prompt", {"prompt": example})
        return answer.json()["prompt_id"] if answer.status_code == 200 else None

    entry = stack.finished(wait_for(accepted, "the new file in the list of checkpoints"))
    event, data = entry["status"]["messages"][-1]
    assert event == "execution_error"
    assert data["node_id"] == "4"
    assert name in data["exception_message"]
    assert str(stack.data) not in str(entry)
    assert_next_prompt_works(stack)


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "a\\..\\b", "x\0y", ""]
)
def test_a_hostile_name_is_refused(stack: Stack, filename: str) -> None:
    answer = httpx.get(f"{stack.url}/view", params={"filename": filename}, trust_env=False)
    assert answer.status_code in {400, 403, 404}
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": filename}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    refused = stack.post("/prompt", {"prompt": graph})
    assert refused.status_code == 400
    assert "1" in refused.json()["node_errors"]


@pytest.mark.parametrize("class_type", ["LoadImage", "LoadImageMask"])
@pytest.mark.parametrize(
    "spelling", ["{}", "../../../../../../..{}", "sub/../../../../../../../..{}", "{} [output]", "{} [temp]"]
)
def test_s5_a_prompt_cannot_find_out_which_files_there_are(
    stack: Stack, tmp_path: Path, class_type: str, spelling: str
) -> None:
    there, missing = tmp_path / "there.png", tmp_path / "gone_.png"
    Image.new("RGB", (8, 8)).save(there)
    refusals = []
    for path in (there, missing):
        inputs = {"image": spelling.format(path), "channel": "red"}
        graph = {
            "1": {"class_type": class_type, "inputs": inputs},
            "2": {"class_type": "MaskToImage", "inputs": {"mask": ["1", 1 if class_type == "LoadImage" else 0]}},
            "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
        }
        answer = stack.post("/prompt", {"prompt": graph})
        assert answer.status_code == 400
        refusals.append(answer.text.replace(path.name, "NAME"))
    assert refusals[0] == refusals[1]


def test_an_upload_cut_in_the_middle_leaves_nothing(stack: Stack) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="cut.png"\r\n\r\n' + b"x" * 100_000
    head = (
        f"POST /upload/image HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {10**6}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
    assert_next_prompt_works(stack)
    assert not (stack.data / "input" / "cut.png").exists()


def assert_next_prompt_works(stack: Stack) -> None:
    assert stack.finished(stack.submit(GOOD))["status"]["status_str"] == "success"
