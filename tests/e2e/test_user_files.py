"""What users keep with the server, and models that come and go, over the real stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stack import PATIENCE, Stack, running, wait_for
from tests.gateway.model_files import picture, safetensors, store

LOADER = "LoraLoader"
NAME = "fresh/style.safetensors"


def offered(stack: Stack) -> list[str]:
    names: list[str] = stack.get(f"/object_info/{LOADER}")[LOADER]["input"]["required"]["lora_name"][0]
    return names


def test_a_model_that_comes_or_goes_is_seen_without_a_restart(stack: Stack) -> None:
    loras = stack.data / "models" / "loras"
    store(loras, {NAME: safetensors(200, {"about": "style"}), "fresh/style.png": picture()})
    assert NAME in stack.get("/models/loras")
    assert stack.get("/view_metadata/loras", filename=NAME) == {"about": "style"}
    [described] = [it for it in stack.get("/experiment/models/loras") if it["name"] == NAME]
    preview = stack.client.get(f"/experiment/models/preview/loras/{described['pathIndex']}/{NAME}")
    assert preview.headers["content-type"] == "image/webp"
    wait_for(lambda: NAME in offered(stack), "the model among those that can be loaded")
    (loras / NAME).unlink()
    assert NAME not in stack.get("/models/loras")
    wait_for(lambda: NAME not in offered(stack), "the model no longer among those that can be loaded")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for several users."""
    with running(tmp_path_factory.mktemp("shared"), multi_user="1") as stack:
        yield stack


def test_what_users_keep_outlives_the_processes(shared: Stack) -> None:
    users = [shared.post("/users", {"username": name}).json() for name in ("Ann", "Bob")]
    for user in users:
        headers = {"comfy-user": user}
        assert shared.client.post("/settings/me", content=json.dumps(user), headers=headers).is_success
        assert shared.client.post("/userdata/workflows%2Fmine.json", content=user, headers=headers).is_success
    for service in ("gateway", "files"):
        process = shared.child(service)
        process.kill()
        process.wait(PATIENCE)
    wait_for(lambda: is_well(shared), "the services to be there again")
    for user in users:
        headers = {"comfy-user": user}
        assert shared.client.get("/settings", headers=headers).json() == {"me": user}
        assert shared.client.get("/userdata/workflows%2Fmine.json", headers=headers).text == user
    assert kept(shared.data) == {user: {"comfy.settings.json", "workflows"} for user in users}


def is_well(stack: Stack) -> Any:
    try:
        return stack.client.get("/health").is_success
    except httpx.HTTPError:
        return False


def kept(data: Path) -> dict[str, set[str]]:
    """What lies in each user's folder."""
    return {
        folder.name: {path.name for path in folder.iterdir()} for folder in (data / "user").iterdir() if folder.is_dir()
    }
