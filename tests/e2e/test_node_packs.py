"""What a pack of nodes brings beside its nodes: handlers, scripts, messages; over the real stack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets

from tests.e2e.stack import Stack, running, wait_for

TALKATIVE = """
from aiohttp import web
from server import PromptServer

WEB_DIRECTORY = "./web"
server = PromptServer.instance
kept = []

class Talk:
    RETURN_TYPES = ()
    FUNCTION = "talk"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": ""})}}

    def talk(self, text):
        server.send_sync("talkative.said", {"text": text, "kept": kept}, server.client_id)
        return {"ui": {"text": [text]}}

@server.routes.get("/talkative/ready")
async def ready(request):
    return web.Response()

@server.routes.post("/talkative/keep")
async def keep(request):
    kept.append((await request.json())["word"])
    return web.json_response(kept)

@server.routes.get("/talkative/plenty")
async def plenty(request):
    answer = web.StreamResponse(headers={"Content-Type": "application/x-plenty"})
    await answer.prepare(request)
    for number in range(20):
        await answer.write(bytes([number]) * (1 << 20))
    return answer

@server.routes.get("/talkative/end")
async def end(request):
    import os
    os._exit(3)

def shout(submitted):
    for node in submitted["prompt"].values():
        if node["class_type"] == "Talk":
            node["inputs"]["text"] = node["inputs"]["text"].upper()
    return submitted

server.add_on_prompt_handler(shout)
NODE_CLASS_MAPPINGS = {"Talk": Talk}
"""

#: What the pack has for front ends.
DOCUMENTS = {
    "locales/en/nodeDefs.json": '{"Talk": {"display_name": "Say"}}',
    "example_workflows/hello.json": '{"nodes": []}',
    "subgraphs/part.json": "{}",
}


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("talkative")
    web = folder / "packs" / "talk-ative" / "web"
    web.mkdir(parents=True)
    (web / "said.js").write_text("// listens\n")
    (web.parent / "__init__.py").write_text(TALKATIVE)
    for path, content in DOCUMENTS.items():
        (web.parent / path).parent.mkdir(parents=True)
        (web.parent / path).write_text(content)
    (folder / "packs" / "broken.py").write_text("import a_library_that_nobody_has\n")
    (folder / "packs" / "deadly.py").write_text("import os\nos._exit(2)\n")
    with running(folder / "data", custom_nodes=folder / "packs") as stack:
        wait_for(lambda: answers(stack), "the packs to be loaded")
        yield stack


def answers(stack: Stack) -> bool:
    return httpx.get(f"{stack.url}/talkative/ready", timeout=60, trust_env=False).status_code == 200


def talk(text: str) -> dict[str, Any]:
    return {"1": {"class_type": "Talk", "inputs": {"text": text}}}


def test_a_handler_and_a_node_share_their_pack_and_talk_to_the_client(talkative: Stack) -> None:
    assert talkative.post("/talkative/keep", {"word": "one"}).json() == ["one"]
    assert talkative.post("/api/talkative/keep", {"word": "two"}).json() == ["one", "two"]

    async def heard() -> list[dict[str, Any]]:
        address = f"{talkative.url.replace('http', 'ws')}/ws?clientId=listener"
        messages: list[dict[str, Any]] = []
        async with websockets.connect(address, proxy=None) as socket, asyncio.timeout(60):
            await asyncio.to_thread(talkative.submit, talk("hello"), client_id="listener")
            while not messages or messages[-1]["type"] != "execution_success":
                messages.append(json.loads(await socket.recv()))
        return messages

    told = asyncio.run(heard())
    said = [message["data"] for message in told if message["type"] == "talkative.said"]
    assert said == [{"text": "HELLO", "kept": ["one", "two"]}]
    types = [message["type"] for message in told]
    assert types.index("executing") < types.index("talkative.said") < types.index("executed")


def test_a_long_answer_arrives_whole(talkative: Stack) -> None:
    answer = httpx.get(f"{talkative.url}/talkative/plenty", timeout=60, trust_env=False)
    assert answer.headers["content-type"] == "application/x-plenty"
    assert answer.content == b"".join(bytes([number]) * (1 << 20) for number in range(20))


def test_scripts_are_served_and_kept_with_the_files(talkative: Stack) -> None:
    scripts = wait_for(
        lambda: [path for path in talkative.get("/extensions") if not path.startswith("/extensions/core/")],
        "the pack's script",
    )
    assert scripts == ["/extensions/talk-ative/said.js"]
    answer = httpx.get(talkative.url + scripts[0], trust_env=False)
    assert (answer.text, answer.headers["content-type"]) == ("// listens\n", "text/javascript")


def test_documents_for_front_ends_are_served(talkative: Stack) -> None:
    assert wait_for(lambda: talkative.get("/workflow_templates"), "the pack's workflow") == {"talk-ative": ["hello"]}
    assert talkative.get("/workflow_templates/talk-ative/hello.json") == {"nodes": []}
    assert talkative.get("/i18n") == {"en": {"nodeDefs": {"Talk": {"display_name": "Say"}}}}
    [subgraph] = talkative.get("/global_subgraphs").values()
    assert (subgraph["name"], subgraph["info"]) == ("part", {"node_pack": "custom_nodes.talk-ative"})


def test_a_pack_that_cannot_be_loaded_is_named(talkative: Stack) -> None:
    packs = talkative.get("/health")["node_packs"]
    assert packs["loaded"] == ["line_preprocessors", "talk-ative"]
    broken, deadly = packs["failed"]
    assert broken["name"] == "broken"
    assert "a_library_that_nobody_has" in broken["error"]
    assert deadly["name"] == "deadly"
    assert deadly["error"] == "while it was loaded, the worker ended with exit code 2"


def test_a_handler_that_ends_its_worker_is_a_failed_service_and_the_next_one_answers(talkative: Stack) -> None:
    answer = httpx.get(f"{talkative.url}/talkative/end", timeout=60, trust_env=False)
    assert answer.status_code == 503
    assert "ended with exit code 3" in answer.json()["error"]["message"]
    wait_for(lambda: answers(talkative), "a new worker")
