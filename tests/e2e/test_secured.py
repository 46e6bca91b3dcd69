"""Services that know each other by a token and certificates, and a client with a key: from commands to a picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.e2e.stack import wait_for

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """A service of this machine, and its address."""
    started = subprocess.Popen([sys.executable, "-m", "services", *arguments], stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(iter(started.stderr.readline, "")), daemon=True)  # type: ignore[union-attr]
    reader.start()
    try:
        yield wait_for(
            lambda: next((found[1] for line in said if (found := re.search(r"listening on (\S+)", line))), None),
            f"{arguments[0]} listening",
        )
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        reader.join(5)
        started.stderr.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "services", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def security(tmp_path: Path) -> list[str]:
    """Flags that all services take."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    (tmp_path / "token").write_text("a token of the installation".replace(" ", "-"))
    own, ca, token = (str(tmp_path / name) for name in ("own.pem", "ca.pem", "token"))
    return ["--tls-cert", own, "--tls-key", own, "--tls-ca", ca, "--token-file", token]


def test_a_picture_is_made_behind_keys_tokens_and_certificates(tmp_path: Path, security: list[str]) -> None:
    data = ["--data", str(tmp_path / "data")]
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    with ExitStack() as stack:
        start = stack.enter_context
        queue = start(process("queue", "--listen", "127.0.0.1:0", *data, *security))
        models = ["--models", str(tmp_path / "models")]
        files = start(process("files", "--listen", "127.0.0.1:0", *data, *models, *security))
        services = ["--queue", queue, "--files", files]
        start(
            process(
                "executor",
                "--listen",
                "127.0.0.1:0",
                *services,
                *data,
                *models,
                "--device",
                "cpu",
                "--drain-seconds",
                "0",
                *security,
            )
        )
        gateway = start(process("gateway", "--port", "0", "--keys", *services, *security))

        stranger = run("keys", "create", "mallory", "--queue", queue, *security[:6])
        assert (stranger.returncode, stranger.stdout) == (2, "")
        assert "calls need the token of this installation" in stranger.stderr
        made = run("keys", "create", "alice", "--label", "for the test", "--queue", queue, *security)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()

        with httpx.Client(base_url=f"http://{gateway}", trust_env=False, timeout=60) as client:
            assert client.get("/queue").status_code == 401
            client.headers["Authorization"] = f"Bearer {key}"
            submitted = client.post("/prompt", json={"prompt": GRAPH})
            assert submitted.status_code == 200, submitted.text
            prompt_id = submitted.json()["prompt_id"]
            entry = wait_for(lambda: client.get(f"/history/{prompt_id}").json().get(prompt_id), "the end of the prompt")
            assert entry["status"]["status_str"] == "success", entry["status"]
            (image,) = entry["outputs"]["2"]["images"]
            assert client.get("/view", params=image).content.startswith(b"\x89PNG")

            bobs = run("keys", "create", "bob", "--queue", queue, *security).stdout.strip()
            check_spaces(client, bobs, tmp_path / "data", image)

            workflow = tmp_path / "workflow.json"
            workflow.write_text(json.dumps(GRAPH))
            server = ["--server", f"http://{gateway}", "--output", str(tmp_path / "pictures")]
            for own, said in (([], "asks for a key: --key"), (["--key", "sp_none_such"], "does not know this key")):
                refused = run("run", str(workflow), *server, *own)
                assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
            done = run("run", str(workflow), *server, "--key", bobs)
            assert done.stdout == f"{tmp_path / 'pictures' / 'x_00001_.png'}\n", done.stderr

            listed = run("keys", "list", "--queue", queue, *security)
            assert re.search(rf"^{key.split('_')[1]} +alice +user +.*for the test$", listed.stdout, re.MULTILINE)
            assert key.split("_", 2)[2] not in listed.stdout
            assert run("keys", "revoke", key.split("_")[1], "--queue", queue, *security).returncode == 0


def check_spaces(alice: httpx.Client, bobs_key: str, data: Path, image: dict[str, str]) -> None:
    """What alice made and brought is out of reach for bob, who gets a picture of his own for the same prompt."""
    assert image == {"filename": "x_00001_.png", "subfolder": "", "type": "output"}
    picture = alice.get("/view", params=image).content
    alice.post("/upload/image", files={"image": ("own.png", picture)}).raise_for_status()
    loading = {"1": {"class_type": "LoadImage", "inputs": {"image": "own.png"}}, "2": GRAPH["2"]}
    bob = {"Authorization": f"Bearer {bobs_key}"}
    assert alice.get("/view", params=image, headers=bob).status_code == 404
    refused = alice.post("/prompt", json={"prompt": loading}, headers=bob)
    assert refused.status_code == 400
    assert "Invalid image file: own.png" in refused.text
    for headers, graph, name in (({}, loading, "x_00002_.png"), (bob, GRAPH, "x_00001_.png")):
        prompt_id = alice.post("/prompt", json={"prompt": graph}, headers=headers).json()["prompt_id"]
        (made,) = history(alice, prompt_id, headers)["outputs"]["2"]["images"]
        assert made["filename"] == name
        assert alice.get("/view", params=made, headers=headers).content.startswith(b"\x89PNG")
    made = sorted(str(path.relative_to(data)) for path in (data / "output").rglob("*.png"))
    assert made == [f"output/users/{it}" for it in ("alice/x_00001_.png", "alice/x_00002_.png", "bob/x_00001_.png")]


def history(client: httpx.Client, prompt_id: str, headers: dict[str, str]) -> Any:
    """The history entry of a prompt, once it has ended."""
    return wait_for(lambda: client.get(f"/history/{prompt_id}", headers=headers).json(), "the end of it")[prompt_id]
