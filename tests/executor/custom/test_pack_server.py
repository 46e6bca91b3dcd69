from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from services.executor.custom.pack_server import PackServer
from services.graph.events import NodePreview, NodeProgress
from services.queue.packs import (
    ON_PROMPT,
    WINDOW_BYTES,
    BinaryMessage,
    HttpData,
    HttpHead,
    HttpRequest,
    PackCancellation,
    PackFlow,
    PackMessage,
    PackReport,
    PackRequest,
    PackResponse,
    PackRoute,
    TextMessage,
)
from tests.executor.custom.bench import PackBench
from tests.executor.custom.conftest import Load

ROUTED = """
import asyncio
from aiohttp import web
from server import PromptServer

server = PromptServer.instance

@server.routes.get("/mine/{name}")
async def greet(request):
    return web.json_response({"name": request.match_info["name"], "times": request.query["times"]})

@server.routes.post("/mine/things")
async def add(request):
    sent = await request.post()
    return web.Response(text=f"{sent['what']} {request.headers['X-Mood']}", status=201, headers={"X-Made": "here"})

@server.routes.get("/plenty")
async def plenty(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(6):
        await answer.write(bytes(1 << 20))
    return answer

@server.routes.get("/broken")
async def broken(request):
    raise RuntimeError("no")

server.app.router.add_static("/kept/", __file__.rpartition("/")[0])
NODE_CLASS_MAPPINGS = {}
"""


def request(bench: PackBench, request: HttpRequest, call_id: str = "1") -> None:
    bench.packs.obey(PackRequest(call_id, request))


def answered(bench: PackBench, call_id: str = "1") -> tuple[HttpHead, bytes]:
    """The whole answer, once it is there; what has come is taken at once."""
    taken = 0
    while True:
        parts = [said for said in bench.said if isinstance(said, PackResponse) and said.call_id == call_id]
        data = b"".join(said.part.data for said in parts if isinstance(said.part, HttpData))
        if parts and parts[-1].part is None:
            assert not parts[-1].error, parts[-1].error
            head = parts[0].part
            assert isinstance(head, HttpHead)
            return head, data
        if len(data) > taken:
            bench.packs.obey(PackFlow(call_id, len(data) - taken))
            taken = len(data)
        time.sleep(0.01)


def report(bench: PackBench) -> PackReport:
    (found,) = [said for said in bench.said if isinstance(said, PackReport)]
    return found


def test_what_packs_serve_is_reported(load: Load) -> None:
    bench = load(routed=ROUTED)
    found = {(route.method, route.path) for route in report(bench).routes}
    assert found >= {("GET", "/mine/{name}"), ("POST", "/mine/things"), ("GET", "/kept/{path}")}
    assert report(bench).answers("HEAD", "/mine/anything")
    assert not report(bench).answers("PUT", "/mine/anything")


def test_packs_that_cannot_be_loaded_are_reported_by_name(load: Load) -> None:
    bench = load(fine="NODE_CLASS_MAPPINGS = {}\n", broken="raise OSError('/very/secret/place is missing')\n")
    broken, fine = report(bench).packs
    assert (broken.name, broken.error) == ("broken", "OSError: place is missing")
    assert (fine.name, fine.error) == ("fine", "")


def test_a_handler_gets_the_request_as_it_was_sent(load: Load) -> None:
    bench = load(routed=ROUTED)
    request(bench, HttpRequest("GET", "/mine/a%20b", "times=3"))
    head, body = answered(bench)
    assert head.status == 200
    assert json.loads(body) == {"name": "a b", "times": "3"}


def test_a_form_and_headers_go_both_ways(load: Load) -> None:
    bench = load(routed=ROUTED)
    headers = (("Content-Type", "application/x-www-form-urlencoded"), ("X-Mood", "good"))
    request(bench, HttpRequest("POST", "/mine/things", headers=headers, body=b"what=tea"))
    head, body = answered(bench)
    assert (head.status, body) == (201, b"tea good")
    assert ("X-Made", "here") in head.headers


def test_files_of_a_folder_are_served(load: Load) -> None:
    bench = load(routed=ROUTED)
    request(bench, HttpRequest("GET", "/kept/routed.py"))
    head, body = answered(bench)
    assert head.status == 200
    assert body.decode() == ROUTED


def test_a_handler_that_raises_is_its_own_answer(load: Load) -> None:
    bench = load(routed=ROUTED)
    request(bench, HttpRequest("GET", "/broken"))
    assert answered(bench)[0].status == 500


def test_an_answer_waits_for_its_reader(load: Load) -> None:
    bench = load(routed=ROUTED)
    request(bench, HttpRequest("GET", "/plenty"))
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        time.sleep(0.05)
    under_way = sum(
        len(said.part.data) for said in bench.said if isinstance(said, PackResponse) and isinstance(said.part, HttpData)
    )
    assert under_way <= WINDOW_BYTES
    assert len(answered(bench)[1]) == 6 << 20


def test_nothing_more_is_said_to_a_caller_that_has_left(load: Load) -> None:
    bench = load(routed=ROUTED)
    request(bench, HttpRequest("GET", "/plenty"), "left")
    while not any(isinstance(said, PackResponse) for said in bench.said):
        time.sleep(0.01)
    bench.packs.obey(PackCancellation("left"))
    bench.packs.obey(PackFlow("left", 6 << 20))
    request(bench, HttpRequest("GET", "/mine/a", "times=1"))
    assert answered(bench)[0].status == 200
    assert not [
        said for said in bench.said if isinstance(said, PackResponse) and said.call_id == "left" and not said.part
    ]


def _server_instance() -> Any:
    from server import PromptServer  # type: ignore[import-not-found]

    return PromptServer.instance


def test_handlers_of_prompts_change_them_one_after_the_other(load: Load) -> None:
    bench = load(
        eager="""
from server import PromptServer
def add(submitted):
    submitted["prompt"]["2"] = {"class_type": "Added"}
    return submitted
def fail(submitted):
    raise RuntimeError("no")
PromptServer.instance.add_on_prompt_handler(add)
PromptServer.instance.add_on_prompt_handler(fail)
NODE_CLASS_MAPPINGS = {}
"""
    )
    assert PackRoute("POST", ON_PROMPT) in report(bench).routes
    request(bench, HttpRequest("POST", ON_PROMPT, body=b'{"prompt": {"1": {}}, "number": 18446744073709551615}'))
    _, body = answered(bench)
    assert json.loads(body) == {"prompt": {"1": {}, "2": {"class_type": "Added"}}, "number": 18446744073709551615}


def test_a_second_handler_of_the_same_request_is_left_out(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    source = """
from aiohttp import web
from server import PromptServer
@PromptServer.instance.routes.get("/same")
async def same(request):
    return web.Response(text="{}")
NODE_CLASS_MAPPINGS = {{}}
"""
    bench = load(first=source.format(1), second=source.format(2))
    assert "left out" in caplog.text
    request(bench, HttpRequest("GET", "/same"))
    assert answered(bench)[1] == b"1"


def test_messages_reach_the_sockets_of_a_client_or_all(load: Load) -> None:
    bench = load(
        talking="""
from server import PromptServer
PromptServer.instance.send_sync("mine.hello", {"a": [1, None]}, "client-1")
PromptServer.instance.send_sync("mine.hello", "all")
PromptServer.instance.send_sync(77, b"bytes", "client-1")
NODE_CLASS_MAPPINGS = {}
"""
    )
    told = [said for said in bench.said if isinstance(said, PackMessage)]
    assert told == [
        PackMessage("client-1", TextMessage("mine.hello", b'{"a": [1, null]}')),
        PackMessage("", TextMessage("mine.hello", b'"all"')),
        PackMessage("client-1", BinaryMessage(77, b"bytes")),
    ]


def test_a_message_that_is_too_long_is_refused(load: Load) -> None:
    source = """
from server import PromptServer
PromptServer.instance.send_sync("mine.flood", "x" * (5 << 20))
NODE_CLASS_MAPPINGS = {}
"""
    (failure,) = load(flooding=source).packs.loaded.failures.values()
    assert "mine.flood" in failure


def test_coroutines_can_be_sent_to_the_loop_of_the_server(load: Load) -> None:
    load(quiet="NODE_CLASS_MAPPINGS = {}\n")
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), _server_instance().loop).result(5)


def test_a_long_folder_name_is_no_obstacle(tmp_path: Path) -> None:
    said: list[PackResponse] = []
    server = PackServer(tmp_path / ("x" * 120), said.append)
    server.prompt_handlers.append(lambda submitted: submitted)
    try:
        assert server.start()
    finally:
        server.close()


def test_a_picture_that_a_node_sends_is_shown_without_progress(load: Load) -> None:
    bench = load(
        sending="""
from PIL import Image
from server import BinaryEventTypes, PromptServer

class Send:
    RETURN_TYPES = ()
    FUNCTION = "send"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def send(self):
        server = PromptServer.instance
        picture = ["PNG", Image.new("RGB", (4, 4)), None]
        server.send_sync(BinaryEventTypes.UNENCODED_PREVIEW_IMAGE, picture, server.client_id)
        return {}

NODE_CLASS_MAPPINGS = {"Send": Send}
"""
    )
    bench.context.previews_wanted.set()
    events = bench.run({"out": ("Send", {})})
    assert [type(event) for event in events if isinstance(event, NodePreview | NodeProgress)] == [NodePreview]
