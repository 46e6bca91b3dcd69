"""Prompts go to executors that have what they need, rather to those that have it in memory."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from services.graph.errors import PromptRejected
from services.queue.prompts import Queue
from services.queue.records import Submission
from services.queue.scheduler import WARM_WINDOW
from services.queue.work import CataloguePublication
from tests.queue.executor import DEVICE, FakeExecutor
from tests.queue.nodes import CLASSES, publication, submission
from tests.queue.watching import eventually

SD, XL = "sd15.safetensors", "sdxl.safetensors"


def classes(*models: str) -> dict[str, Any]:
    """A class that shows a model, of those that there are."""
    show = {"input": {"required": {"name": [list(models), {}]}}, "output": [], "output_node": True}
    return CLASSES | {"ShowModel": show}


def catalogue(*models: str) -> CataloguePublication:
    return publication(classes(*models))


def of_model(model: str, **fields: Any) -> Submission:
    graph = {"1": {"class_type": "ShowModel", "inputs": {"name": model}}}
    return Submission(graph_json=json.dumps(graph).encode(), **fields)


async def known(queue: Queue, *models: str) -> None:
    """Wait until all executors have told of their models."""

    async def told() -> bool:
        definitions = (await queue.catalogue())[1] or b""
        return all(model.encode() in definitions for model in models)

    await eventually(told)


def with_models(*models: str) -> Any:
    assert DEVICE.memory is not None
    return msgspec.structs.replace(DEVICE, memory=msgspec.structs.replace(DEVICE.memory, files=models))


async def test_a_prompt_waits_for_an_executor_that_has_its_classes(queue: Queue) -> None:
    shows_only = publication({"Show": CLASSES["Show"]})
    async with (
        FakeExecutor(queue, "whole", slots=1) as whole,
        FakeExecutor(queue, "part", catalogue=shows_only) as part,
    ):
        await known(queue, "Picky")
        for i in range(3):
            await queue.submit(submission(i))
        first = await whole.assignment()
        whole.succeed(first.lease)
        await whole.assignment()
        assert part.nothing_more()


async def test_a_prompt_goes_where_its_model_is(queue: Queue) -> None:
    one, two = catalogue(SD), catalogue(SD, XL)
    async with (
        FakeExecutor(queue, "b", slots=2, catalogue=two) as both,
        FakeExecutor(queue, "a", catalogue=one) as other,
    ):
        await known(queue, XL)
        accepted = [await queue.submit(of_model(XL)) for _ in range(3)]
        assert [(await both.assignment()).lease.prompt_id for _ in range(2)] == [one.prompt_id for one in accepted[:2]]
        assert other.nothing_more()


async def test_what_waits_for_another_executor_holds_nobody_up(queue: Queue) -> None:
    busy = FakeExecutor(queue, "xl", slots=0, catalogue=catalogue(XL))
    async with FakeExecutor(queue, "sd", catalogue=catalogue(SD)) as sd, busy:
        await known(queue, XL, SD)
        await queue.submit(of_model(XL))
        accepted = await queue.submit(of_model(SD))
        assert (await sd.assignment()).lease.prompt_id == accepted.prompt_id


async def test_what_nobody_is_able_to_run_is_refused_at_once(queue: Queue) -> None:
    shows, numbers = publication({"Show": CLASSES["Show"]}), publication({"Number": CLASSES["Number"]})
    async with FakeExecutor(queue, "a", catalogue=shows), FakeExecutor(queue, "b", catalogue=numbers):
        await known(queue, "Show", "Number")
        with pytest.raises(PromptRejected) as rejection:
            await queue.submit(submission(1))
        error = json.loads(rejection.value.error_json)
        assert error["type"] == "no_suitable_executor"
        assert error["details"] == "executor a has not node class Number; executor b has not node class Show"


async def test_devices_that_are_too_small_are_refused_by_name(queue: Queue) -> None:
    async with FakeExecutor(queue, "small") as small:
        await known(queue, "Show")
        with pytest.raises(PromptRejected) as rejection:
            await queue.submit(submission(1, device_memory=DEVICE.vram_total + 1))
        assert "executor small has a device with" in json.loads(rejection.value.error_json)["details"]
        await queue.submit(submission(1, device_memory=DEVICE.vram_total))
        await small.assignment()


async def test_while_nobody_is_there_everything_known_is_taken(queue: Queue) -> None:
    async with FakeExecutor(queue, "a"):
        await known(queue, "Show")

    async def left() -> bool:
        return not await queue.executors()

    await eventually(left)
    accepted = await queue.submit(submission(1))
    async with FakeExecutor(queue, "b") as late:
        assert (await late.assignment()).lease.prompt_id == accepted.prompt_id


async def test_an_idle_executor_with_the_model_in_memory_is_preferred(queue: Queue) -> None:
    both = catalogue(SD, XL)
    async with FakeExecutor(queue, "a", catalogue=both) as a, FakeExecutor(queue, "b", catalogue=both) as b:
        a.beat(device=with_models(SD))
        b.beat(device=with_models(XL))
        await known(queue, SD)
        await _warm(queue, a=SD, b=XL)
        for _ in range(3):
            accepted = await queue.submit(of_model(XL))
            assignment = await b.assignment()
            assert assignment.lease.prompt_id == accepted.prompt_id
            b.succeed(assignment.lease)
            await _ended(queue, accepted.prompt_id)
        assert a.nothing_more()


async def test_an_executor_takes_a_prompt_for_its_models_before_others_but_not_for_long(queue: Queue) -> None:
    both = catalogue(SD, XL)
    async with FakeExecutor(queue, "a", catalogue=both) as a, FakeExecutor(queue, "b", catalogue=both) as b:
        a.beat(device=with_models(SD))
        b.beat(device=with_models())
        await known(queue, SD)
        await _warm(queue, a=SD, b="")
        held = [(await queue.submit(of_model(SD))).prompt_id for _ in range(2)]
        first = await a.assignment()
        await b.assignment()
        cold = (await queue.submit(of_model(XL))).prompt_id
        warm = [(await queue.submit(of_model(SD))).prompt_id for _ in range(WARM_WINDOW + 2)]
        served = []
        lease = first.lease
        for _ in range(WARM_WINDOW + 2):
            a.succeed(lease)
            lease = (await a.assignment()).lease
            served.append(lease.prompt_id)
        assert lease.prompt_id not in held
        assert served == [*warm[:WARM_WINDOW], cold, warm[WARM_WINDOW]]


async def test_a_single_executor_keeps_the_order(queue: Queue) -> None:
    async with FakeExecutor(queue, "a", catalogue=catalogue(SD, XL)) as a:
        a.beat(device=with_models(SD))
        await known(queue, SD)
        order = [(await queue.submit(of_model(model))).prompt_id for model in (SD, XL, SD, XL, SD)]
        served = []
        for _ in order:
            lease = (await a.assignment()).lease
            served.append(lease.prompt_id)
            a.succeed(lease)
        assert served == order


async def test_what_waits_is_placed_after_a_restart(queue: Queue) -> None:
    """The requirements are read back from the store."""
    async with FakeExecutor(queue, "sd", slots=0, catalogue=catalogue(SD, XL)):
        await known(queue, XL)
        await queue.submit(of_model(XL))
    await queue.close()
    again = Queue(queue._store, clock=queue._clock)
    await again.start()
    async with FakeExecutor(again, "sd", catalogue=catalogue(SD)) as sd:
        await known(again, SD)
        async with FakeExecutor(again, "xl", catalogue=catalogue(XL)) as xl:
            await xl.assignment()
            assert sd.nothing_more()
    await again.close()


async def _ended(queue: Queue, prompt_id: str) -> None:
    async def ended() -> bool:
        return (await queue.get(prompt_id)).state.is_terminal

    await eventually(ended)


async def _warm(queue: Queue, **models: str) -> None:
    """Wait until executors have said that they run prompts, and which model they have in memory."""

    async def told() -> bool:
        sessions = {session.executor_id: session for session in queue._fleet.sessions()}
        return all(
            sessions[name].capacity and sessions[name].warm_models == {*filter(None, [model])}
            for name, model in models.items()
        )

    await eventually(told)
