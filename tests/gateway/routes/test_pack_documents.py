"""What node packs have for front ends beside scripts, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.files.records import FileKind
from services.gateway.momentary import FRESH
from services.queue.packs import NodePack, PackReport
from tests.differences import DOCUMENTS, ours
from tests.gateway.stack import Gateway, gateway
from tests.recorded_answers import Case, outcomes, recorded, recorded_outcome
from tests.recordings import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES: dict[str, Any] = {
    "one/locales/en/main.json": {"dataTypes": {"PROBE": "Probe"}, "settings": {"a": {"name": "A"}}},
    "one/locales/en/nodeDefs.json": {"Node": {"display_name": "Node", "inputs": {"a": 1}}},
    "one/locales/de/main.json": {"dataTypes": {"PROBE": "Probe"}},
    "one/locales/en/notes.json": {"not": "read"},
    "one/locales/en/deeper/main.json": {"not": "read"},
    "two/locales/en/commands.json": {"c": 1},
    "two/locales/en/settings.json": {"a": {"tooltip": "B"}},
    "two/locales/en/nodeDefs.json": {"Node": {"inputs": {"b": 2}}, "Other": {}},
    "gone/locales/en/main.json": {"gone": True},
    "failed/locales/en/main.json": {"failed": True},
    "one/workflows/hello.json": {"nodes": []},
    "one/workflows/a b.json": {},
    "one/workflows/deeper/more.json": {},
    "gone/workflows/gone.json": {},
    "one/subgraphs/mine.json": {"definitions": {"subgraphs": []}},
    "gone/subgraphs/gone.json": {},
}


#: What the pack had when ComfyUI was recorded.
RECORDED = {
    "probe_pack/locales/en/main.json": {"dataTypes": {"PROBE": "Probe"}},
    "probe_pack/locales/en/nodeDefs.json": {"ProbeError": {"display_name": "Probe Error (en)"}},
    "probe_pack/workflows/hello.json": {"nodes": [], "links": []},
    "probe_pack/subgraphs/mysub.json": {"definitions": {"subgraphs": []}},
}
CASES = recorded("pack_documents")["packs"]


async def put(running: Gateway, path: str, content: bytes) -> None:
    subfolder, _, name = path.rpartition("/")
    await running.store(name, content, FileKind.PACKS, subfolder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def packed() -> AsyncIterator[Gateway]:
    """A gateway to an executor with two packs."""
    async with gateway() as running:
        for path, content in FILES.items():
            await put(running, path, json.dumps(content).encode())
        await put(running, "one/workflows/hello.jpg", b"picture")
        await put(running, "two/locales/fr/main.json", b"not JSON")
        await put(running, "two/locales/it/main.json", b"[1]")
        packs = (NodePack("one", 3), NodePack("two", 0), NodePack("failed", 0, "it fails"))
        running.executor.say(PackReport(packs))
        await asyncio.sleep(2 * FRESH)
        yield running


async def test_translations_of_all_packs_are_merged_by_language(packed: Gateway) -> None:
    answer = await packed.http.get("/api/i18n")
    assert answer.json() == {
        "de": {"dataTypes": {"PROBE": "Probe"}},
        "en": {
            "commands": {"c": 1},
            "dataTypes": {"PROBE": "Probe"},
            "nodeDefs": {"Node": {"display_name": "Node", "inputs": {"a": 1, "b": 2}}, "Other": {}},
            "settings": {"a": {"name": "A", "tooltip": "B"}},
        },
    }


async def test_translations_that_change_are_read_again(packed: Gateway) -> None:
    path = "one/locales/es/main.json"
    for word in ("uno", "dos"):
        await put(packed, path, json.dumps({"a": word}).encode())
        assert (await packed.http.get("/i18n")).json()["es"] == {"a": word}


async def test_example_workflows_are_listed_by_pack_and_served(packed: Gateway) -> None:
    assert (await packed.http.get("/workflow_templates")).json() == {"one": ["a b", "hello"]}
    answer = await packed.http.get("/api/workflow_templates/one/hello.json")
    assert (answer.json(), answer.headers["content-type"]) == ({"nodes": []}, "application/json")
    assert (await packed.http.get("/api/workflow_templates/one/hello.jpg")).content == b"picture"
    assert (await packed.http.get("/api/workflow_templates/one/a%20b.json")).json() == {}


@pytest.mark.parametrize(
    "path",
    [
        "one/missing.json",
        "none/hello.json",
        "one/..%2Flocales%2Fen%2Fmain.json",
        "one/..%2F..%2F..%2Fuser%2Fusers.json",
        "..%2Fuser/x.json",
        "one/",
        "%2e%2e/x.json",
        "one%2Fworkflows%2F../hello.json",
    ],
)
async def test_what_is_no_example_workflow_is_not_found(packed: Gateway, path: str) -> None:
    answer = await packed.http.get(f"/api/workflow_templates/{path}")
    assert (answer.status_code, answer.content) == (404, b"")


async def test_subgraphs_are_listed_by_ids_that_stay(packed: Gateway) -> None:
    listed = (await packed.http.get("/global_subgraphs")).json()
    [(identity, described)] = listed.items()
    assert described == {"source": "custom_node", "name": "mine", "info": {"node_pack": "custom_nodes.one"}}
    one = (await packed.http.get(f"/api/global_subgraphs/{identity}")).json()
    assert one == {**described, "data": json.dumps(FILES["one/subgraphs/mine.json"])}
    assert (await packed.http.get("/global_subgraphs")).json() == listed


async def test_a_subgraph_that_is_not_there_is_null(packed: Gateway) -> None:
    answer = await packed.http.get("/global_subgraphs/zzz")
    assert (answer.status_code, answer.json()) == (200, None)


async def test_no_class_is_replaced_by_another(packed: Gateway) -> None:
    assert (await packed.http.get("/api/node_replacements")).json() == {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers() -> AsyncIterator[dict[str, Outcome]]:
    """What we answer to each recorded request."""
    async with gateway(executor=False) as running:
        for path, content in RECORDED.items():
            await put(running, path, json.dumps(content).encode())
        yield await outcomes(running.http, CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["label"]))
async def test_a_request_is_answered_as_recorded(case: Case, answers: dict[str, Outcome]) -> None:
    assert answers[case["label"]] == ours(case["label"], recorded_outcome(case), DOCUMENTS)


@pytest.mark.asyncio(loop_scope="function")
async def test_while_no_executor_is_there_the_documents_of_all_packs_are() -> None:
    async with gateway(executor=False) as alone:
        await put(alone, "gone/workflows/gone.json", b"{}")
        assert (await alone.http.get("/workflow_templates")).json() == {"gone": ["gone"]}
