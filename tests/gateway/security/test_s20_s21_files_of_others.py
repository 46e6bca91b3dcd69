"""With keys, nobody sees, names or replaces a file that another one brought or made (S20), whatever they call
themselves (S21)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.files.records import FileKind
from services.files.spaces import Space
from services.queue.packs import HttpData, HttpHead, HttpRequest, PackReport, PackRoute
from tests.gateway.security.test_s20_s22_other_users import Person, ended, person
from tests.gateway.stack import CLASSES, SHOWN, Gateway, gateway
from tests.gateway.test_reuse import PICTURE

CLASSES_WITH_LISTS = json.dumps(
    {
        name: definition | ({"lists": {"image": {"suffixes": [".png"]}}} if name == "LoadImage" else {})
        for name, definition in json.loads(CLASSES).items()
    }
).encode()


@pytest.fixture
async def served() -> AsyncIterator[Gateway]:
    async with gateway(keys=True, classes=CLASSES_WITH_LISTS) as served:
        yield served


async def upload(who: Person, content: bytes, path: str = "/upload/image", **form: str) -> dict[str, Any]:
    answer = await who.ask("POST", path, files={"image": ("cat.png", content)}, data=form)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_uploads_of_the_same_name_are_two_files(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    for who, content in ((ann, b"ann's"), (bob, b"bob's")):
        assert await upload(who, content) == {"name": "cat.png", "subfolder": "", "type": "input"}
    for who, content in ((ann, b"ann's"), (bob, b"bob's")):
        assert (await who.ask("GET", "/view", params={"filename": "cat.png", "type": "input"})).content == content
        assert await who.get("/internal/files/input") == ["cat.png"]


@pytest.mark.parametrize("kind", ["input", "output", "temp"])
async def test_nothing_leads_to_the_file_of_another_one(served: Gateway, kind: str) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    await upload(ann, b"ann's", type=kind)
    assert await bob.get(f"/internal/files/{kind}") == []
    for folder in ("", "users/ann", "../ann", "../users/ann", "../../users/ann", "/users/ann", "ann"):
        for name in ("cat.png", f"cat.png [{kind}]"):
            for headers in ({}, {"comfy-user": "ann", "X-Silverprint-User": "ann"}):
                asked = {"filename": name, "subfolder": folder, "type": kind}
                answer = await bob.ask("GET", "/view", params=asked, headers=headers)
                assert answer.status_code in (400, 403, 404), (asked, answer.text)
    reference = json.dumps({"filename": "cat.png", "subfolder": "users/ann", "type": kind})
    mask = {"image": ("mask.png", b"x")}
    masked = await bob.ask("POST", "/upload/mask", files=mask, data={"original_ref": reference})
    assert masked.status_code == 404


async def test_caches_show_nobody_what_they_keep_of_another_one(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    for who in (ann, bob):
        await upload(who, f"{who.key}'s".encode())
    asked = {"filename": "cat.png", "type": "input"}
    anns = await ann.ask("GET", "/view", params=asked)
    assert anns.headers["cache-control"] == "private, no-cache"
    kept = {"If-None-Match": anns.headers["etag"]}
    assert (await ann.ask("GET", "/view", params=asked, headers=kept)).status_code == 304
    assert (await bob.ask("GET", "/view", params=asked, headers=kept)).content == f"{bob.key}'s".encode()
    for path in ("/history", "/settings", "/queue"):
        assert (await ann.ask("GET", path)).headers["cache-control"] == "private, no-cache"
    assert (await ann.ask("GET", "/object_info")).headers["cache-control"] == "no-cache"


async def test_choices_are_of_ones_own_files(served: Gateway) -> None:
    ann, bob = await person(served, "ann"), await person(served, "bob")
    await served.store("everybodys.png", b"1", FileKind.INPUT)
    await upload(ann, b"ann's")
    await upload(ann, b"ann's", subfolder="deeper")
    etags = {}
    for who, names in ((ann, ["cat.png"]), (bob, [])):
        for path in ("/object_info", "/object_info/LoadImage"):
            answer = await who.ask("GET", path)
            assert answer.json()["LoadImage"]["input"]["required"]["image"] == [names, {"image_upload": True}]
            assert "lists" not in answer.json()["LoadImage"]
        etags[who.key] = (await who.ask("GET", "/object_info")).headers["etag"]
    assert len(set(etags.values())) == 2
    unchanged = {"If-None-Match": etags[ann.key]}
    assert (await ann.ask("GET", "/object_info", headers=unchanged)).status_code == 304
    await upload(ann, b"another", overwrite="true")
    assert (await ann.ask("GET", "/object_info", headers=unchanged)).status_code == 304
    await ann.ask("POST", "/upload/image", files={"image": ("dog.png", b"a dog")})
    listed = (await ann.ask("GET", "/object_info", headers=unchanged)).json()["LoadImage"]
    assert listed["input"]["required"]["image"][0] == ["cat.png", "dog.png"]


async def test_a_prompt_runs_with_the_files_of_its_user(served: Gateway) -> None:
    ann = await person(served, "ann")
    prompt_id = await ann.submit()
    await ended(served, prompt_id)
    assert (await served.queue.get(prompt_id)).file_space == "ann"


async def test_a_result_is_taken_again_only_while_ones_own_files_are_there(served: Gateway) -> None:
    ann = await person(served, "ann")
    made = SHOWN["images"][0]["filename"]
    reuse = {"extra_data": {"reuse": True}}
    await upload(ann, b"1")
    graph = {**PICTURE, "1": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}}}

    async def source() -> str:
        answer = await ann.ask("POST", "/prompt", json={"prompt": graph, **reuse})
        prompt_id = str(answer.json()["prompt_id"])
        await ended(served, prompt_id)
        return str((await ann.get(f"/jobs/{prompt_id}")).get("reused_from", "itself"))

    assert await source() == "itself"
    await served.store(made, b"everybody's", FileKind.TEMP)
    assert await source() == "itself"
    await served.store(made, b"ann's", FileKind.TEMP, Space("ann").folder(FileKind.TEMP, ""))
    assert await source() != "itself"
    await upload(ann, b"2", overwrite="true")
    assert await source() == "itself"


async def test_handlers_of_packs_are_told_whose_files_they_may_see(served: Gateway) -> None:
    ann = await person(served, "ann")
    served.executor.say(PackReport(routes=(PackRoute("GET", "/mine"),)))

    def handle(request: HttpRequest) -> tuple[HttpHead, HttpData]:
        return HttpHead(200, ()), HttpData(request.file_space.encode())

    served.executor.on_pack_request = handle
    answer = await ann.ask("GET", "/mine")
    while answer.status_code == 404:  # the report is on its way
        answer = await ann.ask("GET", "/mine")
    assert answer.content == b"ann"
