"""Looking after the history: forgetting, exporting, and what was sent to webhooks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.errors import FailedPrecondition, InvalidArgument, NotFound
from services.graph.events import ExecutionFailed, ExecutionStarted, ExecutionSucceeded
from services.queue.prompts import Queue
from services.queue.provenance import RunRecord, SavedFile, UsedModel, UsedPack
from services.queue.records import Submission
from services.queue.webhooks.records import DeliverySearch
from services.queue.work import EventBatch, TimedEvent
from tests.queue.clock import ManualClock
from tests.queue.executor import FakeExecutor, finished
from tests.queue.nodes import submission
from tests.queue.running import run_one
from tests.queue.watching import story

RECORD = RunRecord(
    version="1.2",
    python_version="3.12.1",
    torch_version="2.13.0",
    device="cuda:0 NVIDIA H100",
    models=(
        UsedModel(folder="checkpoints", name="a/b.safetensors", size=7, modified_at=1.5, blake3="ab" * 32),
        UsedModel(folder="loras", name="c.safetensors", size=8, modified_at=2.5),
    ),
    packs=(UsedPack("pack", "1.0"), UsedPack("other")),
    files=(SavedFile(kind="output", subfolder="", filename="a.png", size=9, blake3="cd" * 32),),
)
PICTURE = b'{"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}'


async def test_what_finished_before_a_time_is_forgotten(queue: Queue, clock: ManualClock) -> None:
    async with FakeExecutor(queue) as executor:
        first = await run_one(queue, executor, submission(1))
        clock.advance(10.0)
        second = await run_one(queue, executor, submission(2))
        forgotten = await queue.forget_finished(clock.now())
        assert (forgotten.count, forgotten.prompt_ids) == (1, [first])
        assert (await queue.get(second)).prompt_id == second
        assert (await queue.forget_finished(clock.now() + 1)).count == 1
        assert (await queue.forget_finished(clock.now() + 1)).count == 0


async def test_everything_is_exported(queue: Queue, clock: ManualClock) -> None:
    graph: dict[str, Any] = {
        "1": {"class_type": "Number", "inputs": {"value": 1, "noise_seed": 2**64 - 1, "api_key": "hush-hush"}},
        "2": {"class_type": "Show", "inputs": {"number": ["1", 0], "seed": ["1", 0]}},
    }
    extra_data = {"api_key_comfy_org": "top-secret", "note": "key top-secret", "metadata": {"order": 7}}
    prompt = Submission(graph_json=json.dumps(graph).encode(), extra_data_json=json.dumps(extra_data).encode())
    async with FakeExecutor(queue) as executor:
        accepted = await queue.submit(prompt)
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), finished("2", PICTURE))
        executor.say(EventBatch(lease, (TimedEvent(1.5, ExecutionSucceeded(), RECORD),)))
        await story(queue, accepted.prompt_id)
    assert (await queue.get(accepted.prompt_id)).attempts[0].record == RECORD
    exported = await queue.export(accepted.prompt_id)
    assert exported == await queue.export(accepted.prompt_id)
    assert b"hush-hush" not in exported and b"top-secret" not in exported
    document = json.loads(exported)
    assert (document["schema"], document["state"]) == ("silverprint.export/1", "succeeded")
    graph["1"]["inputs"]["api_key"] = "[concealed]"
    assert document["graph"] == graph
    assert document["extra_data"] == {
        "api_key_comfy_org": "[concealed]",
        "note": "key [concealed]",
        "metadata": {"order": 7},
    }
    assert [(seed["node_id"], seed["input"], seed["value"]) for seed in document["seeds"]] == [
        ("1", "noise_seed", 18446744073709551615),
        ("2", "seed", ["1", 0]),
    ]
    (output,) = document["outputs"]
    assert (output["node_id"], output["filename"], output["size"], output["blake3"]) == ("2", "a.png", 9, "cd" * 32)
    (attempt,) = document["attempts"]
    assert (attempt["executor_id"], attempt["outcome"]) == ("executor", "succeeded")
    assert attempt["ran_on"]["torch"] == "2.13.0"
    assert [(model["name"], model["blake3"]) for model in attempt["ran_on"]["models"]] == [
        ("a/b.safetensors", "ab" * 32),
        ("c.safetensors", None),
    ]
    assert attempt["ran_on"]["packs"] == [{"name": "pack", "version": "1.0"}, {"name": "other", "version": None}]


async def test_what_holds_no_secret_is_exported_byte_for_byte(queue: Queue) -> None:
    number = b'"1": {"class_type": "Number", "inputs": {"value": 1e0}}'
    graph = b'{%s, "2":{"class_type":"Show","inputs":{"number":["1",0]}}}' % number
    async with FakeExecutor(queue) as executor:
        accepted = await queue.submit(Submission(graph_json=graph))
        waiting = json.loads(await queue.export(accepted.prompt_id))
        assert (waiting["attempts"][0]["ran_on"], waiting["outputs"], waiting["finished_at"]) == (None, [], None)
        lease = (await executor.assignment()).lease
        executor.tell(lease, ExecutionStarted(), ExecutionFailed("1", "Number", "ValueError", "no", ("a", "b")))
        await story(queue, accepted.prompt_id)
    exported = await queue.export(accepted.prompt_id)
    assert graph in exported
    assert json.loads(exported)["error"]["traceback"] == ["a", "b"]
    with pytest.raises(NotFound, match="there is no prompt nobody"):
        await queue.export("nobody")


async def test_webhooks_need_a_secret_and_a_sensible_url(queue: Queue) -> None:
    async with FakeExecutor(queue):
        with pytest.raises(FailedPrecondition, match="this queue sends no webhooks"):
            await queue.submit(submission(webhook_url="https://example.com/"))
        with pytest.raises(InvalidArgument, match="webhook_url must begin with http"):
            await queue.submit(submission(webhook_url="ftp://example.com/"))
        assert await queue.webhook_deliveries(DeliverySearch()) == []
        with pytest.raises(NotFound, match="there is no delivery nothing"):
            await queue.redeliver_webhook("nothing")
        with pytest.raises(InvalidArgument, match="must not be negative"):
            await queue.webhook_deliveries(DeliverySearch(offset=-1))
