"""Prompts through agent, worker process, queue and file service."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
import torch
from blake3 import blake3
from PIL import Image

from services.graph.errors import PromptRejected
from services.graph.events import ExecutionFailed, ExecutionInterrupted, NodeProgress, NodeStarted
from services.queue.records import PromptState, Requeued
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.platform import PATIENCE, Platform, image_graph, kinds, outputs_of, platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = {"steps": 10000, "seconds": 0.01}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("executor"), interrupt_grace=1.0) as running:
        yield running


async def failure(here: Platform, graph: dict[str, Any]) -> ExecutionFailed:
    prompt = await here.run(graph)
    assert prompt.state is PromptState.FAILED
    last = prompt.events[-1].body
    assert isinstance(last, ExecutionFailed)
    return last


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (5, 3), shade).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_prompt_makes_a_picture(here: Platform) -> None:
    prompt = await here.run(image_graph("ImageInvert"), extra_data_json=b'{"extra_pnginfo": {"workflow": {"a": 1}}}')
    assert prompt.state is PromptState.SUCCEEDED
    assert kinds(prompt.events) == [
        "Submitted",
        "Assigned",
        "ExecutionStarted",
        "NodesCached",
        "NodeFinished",
        "ExecutionSucceeded",
    ]
    (image,) = outputs_of(prompt)["9"]["images"]
    assert image == {"filename": "made_00001_.png", "subfolder": "", "type": "output"}
    picture = await here.picture(image)
    assert (picture.mode, picture.size, picture.getpixel((3, 2))) == ("RGB", (6, 4), (0, 255, 255))
    assert json.loads(picture.info["prompt"]) == image_graph("ImageInvert")
    assert picture.info["workflow"] == '{"a": 1}'


async def test_the_same_prompt_again_reports_the_same_pictures_without_running(here: Platform) -> None:
    graph = image_graph("ImageInvert", "ImageInvert")
    first, second = await here.run(graph), await here.run(graph)
    assert outputs_of(second) == outputs_of(first)
    assert "NodeStarted" not in kinds(second.events)


async def test_progress_is_told_while_a_node_runs(here: Platform) -> None:
    prompt_id = await here.submit(image_graph("TestSleep", steps=100000, seconds=0.01))
    progress = await here.until(prompt_id, NodeProgress)
    assert (progress.node.node_id, progress.maximum) == ("2", 100000)
    await here.queue.interrupt([prompt_id])
    assert (await here.ended(prompt_id)).state is PromptState.INTERRUPTED


async def test_the_memory_of_the_device_is_told(here: Platform) -> None:
    await here.run(image_graph())
    (executor,) = await here.queue.executors()
    (device,) = executor.devices
    assert device.memory
    assert 0 < device.memory.budget < device.vram_total
    assert device.memory.steps == {}


def checkpoint_graph(name: str) -> dict[str, Any]:
    """What the autoencoder of a checkpoint makes of nothing."""
    graph = image_graph()
    graph["1"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}}
    graph["2"] = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
    graph["3"] = {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}}
    graph["9"]["inputs"]["images"] = ["3", 0]
    return graph


def copied(here: Platform, name: str) -> Path:
    """A small checkpoint among the models."""
    path = here.models / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors", path)
    return path


async def until_mapped(here: Platform, condition: Callable[[int], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            (executor,) = await here.queue.executors()
            memory = executor.devices[0].memory
            if memory and condition(memory.mapped_bytes):
                return
            await asyncio.sleep(0.1)


async def test_weights_are_mapped_until_memory_is_to_be_given_back(here: Platform) -> None:
    path = copied(here, "small.safetensors")
    await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", path.name)
    graph = checkpoint_graph(path.name)
    assert (await here.run(graph)).state is PromptState.SUCCEEDED
    await until_mapped(here, lambda size: size > 0)
    await here.queue.release_memory(results=True)
    await until_mapped(here, lambda size: size == 0)


async def test_what_a_run_used_is_told_also_when_its_results_were_at_hand(here: Platform) -> None:
    path = copied(here, "told.safetensors")
    await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", path.name)
    graph = checkpoint_graph(path.name)
    content = path.read_bytes()
    digest = ""
    async with asyncio.timeout(PATIENCE):
        while not digest:  # which is found while nothing runs
            prompt = await here.run(graph)
            record = prompt.attempts[-1].record
            assert record
            (model,) = record.models
            assert (model.folder, model.name, model.size) == ("checkpoints", path.name, len(content))
            digest = model.blake3
    assert record
    assert digest == blake3(content).hexdigest()
    assert (record.device, record.torch_version) == ("cpu", torch.__version__)
    (image,) = outputs_of(prompt)["9"]["images"]
    (file,) = record.files
    assert (file.kind, file.filename) == (image["type"], image["filename"])
    picture = await here.content(image)
    assert (file.size, file.blake3) == (len(picture), blake3(picture).hexdigest())


async def test_an_uploaded_picture_can_be_used_at_once(here: Platform) -> None:
    graph = image_graph("ImageInvert")
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": "up.png"}}
    for shade in (255, 55):
        await here.put("up.png", png(shade))
        (image,) = outputs_of(await here.run(graph))["9"]["images"]
        assert (await here.picture(image)).getpixel((0, 0)) == (255 - shade,) * 3


@pytest.mark.parametrize("name", ["nope.png", "../../etc/passwd", "up.png [output]"])
async def test_a_picture_that_is_not_there_is_refused_when_it_is_submitted(name: str, here: Platform) -> None:
    graph = image_graph()
    graph["1"] = {"class_type": "LoadImage", "inputs": {"image": name}}
    with pytest.raises(PromptRejected) as refused:
        await here.submit(graph)
    (error,) = json.loads(refused.value.node_errors_json)["1"]["errors"]
    assert error["type"] == "custom_validation_failed"
    assert error["details"] == f"image - Invalid image file: {name}"


@pytest.mark.parametrize(
    ("number", "details"),
    [
        (3, "number - 3 is odd"),
        ("5", "number - 5 is odd"),
        (99, "cannot even check that"),
        (101, "cannot be checked"),
    ],
)
async def test_a_class_may_refuse_its_own_inputs(number: Any, details: str, here: Platform) -> None:
    with pytest.raises(PromptRejected) as refused:
        await here.submit(image_graph("TestPicky", number=number))
    assert details in json.loads(refused.value.node_errors_json)["2"]["errors"][0]["details"]
    assert (await here.run(image_graph("TestPicky", number=200))).state is PromptState.SUCCEEDED


async def test_inputs_are_checked_while_a_prompt_runs(here: Platform) -> None:
    prompt_id = await here.submit(image_graph("TestSleep", **SLOW))
    await here.until(prompt_id, NodeProgress)
    with pytest.raises(PromptRejected):
        await here.submit(image_graph("TestPicky", number=3))
    await here.queue.interrupt([prompt_id])
    await here.ended(prompt_id)


async def test_new_models_and_input_files_appear_in_the_catalogue(here: Platform) -> None:
    (here.models / "checkpoints").mkdir(parents=True, exist_ok=True)  # the platform is shared by many tests
    (here.models / "checkpoints" / "mine.safetensors").touch()
    await here.put("fresh.png", png(1))
    await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", "mine.safetensors")
    definitions = await here.catalogue_with("LoadImage", "image", "fresh.png")
    assert definitions["TestSleep"]["python_module"] == "custom_nodes.test-nodes"
    assert definitions["TestSleep"]["display_name"] == "Sleep"


async def test_what_nodes_print_can_be_read_by_prompt_and_without_credentials(here: Platform) -> None:
    graph = image_graph("TestPrint", text="comfyui-0123456789")
    prompt = await here.run(graph, extra_data_json=b'{"api_key_comfy_org": "comfyui-0123456789"}')
    lines: list[str] = []
    for _ in range(round(PATIENCE / 0.1)):
        lines = [line.text for line in await here.queue.logs(prompt.prompt_id)]
        if "COMFYUI-0123456789\n" in lines:  # what is no credential any more is passed on
            break
        await asyncio.sleep(0.1)
    assert lines[0] == "got prompt\n"
    assert "[concealed]\n" in lines


async def test_a_node_that_raises_fails_its_prompt_and_the_next_one_runs(here: Platform) -> None:
    failed = await failure(here, image_graph("TestError"))
    assert (failed.node_id, failed.node_type, failed.exception_type) == ("2", "TestError", "ValueError")
    assert failed.exception_message.strip() == "this node always fails"
    assert (await here.run(image_graph())).state is PromptState.SUCCEEDED


@pytest.mark.parametrize(("message", "kind"), [("SURROGATE", "ValueError"), ("KEYBOARD", "KeyboardInterrupt")])
async def test_an_error_of_an_odd_kind_is_told_all_the_same(message: str, kind: str, here: Platform) -> None:
    assert (await failure(here, image_graph("TestError", message=message))).exception_type == kind
    assert (await here.run(image_graph())).state is PromptState.SUCCEEDED


@pytest.mark.parametrize("what", ["much", "object", "surrogate"])
async def test_what_cannot_be_shown_ends_nothing_but_its_prompt(what: str, here: Platform) -> None:
    prompt = await here.run(image_graph("TestShow", what=what))
    assert prompt.state.is_terminal
    assert prompt.state is PromptState.FAILED or what != "much"
    assert (await here.run(image_graph("ImageInvert"))).state is PromptState.SUCCEEDED


async def test_a_node_that_calls_exit_fails_its_prompt_alone(here: Platform) -> None:
    worker = here.workers[-1]
    assert (await failure(here, image_graph("TestExit"))).exception_type == "SystemExit"
    assert here.workers[-1] is worker


async def test_a_prefix_that_leads_elsewhere_fails_by_the_name_of_the_input(here: Platform) -> None:
    graph = image_graph()
    graph["9"]["inputs"]["filename_prefix"] = "../evil"
    failed = await failure(here, graph)
    assert failed.node_type == "SaveImage"
    assert "filename_prefix" in failed.exception_message


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\xff" * 4096])
async def test_a_file_that_is_no_checkpoint_fails_the_node_that_loads_it(content: bytes, here: Platform) -> None:
    path = here.models / "checkpoints" / "broken.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", "broken.safetensors")
    graph = image_graph()
    graph["1"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "broken.safetensors"}}
    graph["2"] = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
    graph["3"] = {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}}
    graph["9"]["inputs"]["images"] = ["3", 0]
    failed = await failure(here, graph)
    assert failed.node_id == "1"
    assert "broken.safetensors" in failed.exception_message
    assert str(here.models) not in failed.exception_message


async def test_an_interrupt_is_heard_between_steps(here: Platform) -> None:
    worker = here.workers[-1]
    prompt_id = await here.submit(image_graph("TestSleep", **SLOW))
    following = await here.submit(image_graph("ImageInvert"))
    await here.until(prompt_id, NodeProgress)
    await here.queue.interrupt([prompt_id])
    prompt = await here.ended(prompt_id)
    assert prompt.events[-1].body == ExecutionInterrupted("2", "TestSleep", ("1",))
    assert (await here.ended(following)).state is PromptState.SUCCEEDED
    assert here.workers[-1] is worker


async def test_a_node_that_hears_nothing_loses_its_worker_and_the_prompt_ends_as_interrupted(here: Platform) -> None:
    worker = here.workers[-1]
    prompt_id = await here.submit(image_graph("TestBlock"))
    await here.until(prompt_id, NodeStarted)
    await asyncio.sleep(0.1)
    await here.queue.interrupt([prompt_id])
    prompt = await here.ended(prompt_id)
    assert prompt.state is PromptState.INTERRUPTED
    assert isinstance(prompt.events[-1].body, ExecutionInterrupted)
    assert prompt.events[-1].body.node_type in ("TestBlock", "EmptyImage")
    assert (await here.run(image_graph())).state is PromptState.SUCCEEDED
    assert not psutil.pid_exists(worker.pid)


async def test_a_worker_that_is_killed_in_mid_run_is_replaced_and_the_prompt_runs_again(here: Platform) -> None:
    prompt_id = await here.submit(image_graph("TestSleep", steps=150, seconds=0.01))
    await here.until(prompt_id, NodeProgress)
    psutil.Process(here.workers[-1].pid).send_signal(signal.SIGKILL)
    requeued = await here.until(prompt_id, Requeued)
    how = "worker killed by signal 9 (as the system does when memory runs out)"
    assert requeued.reason == f"{how} while node 2 (TestSleep) ran"
    prompt = await here.ended(prompt_id)
    assert prompt.state is PromptState.SUCCEEDED
    assert len(prompt.attempts) == 2


async def test_a_prompt_that_kills_every_worker_fails_and_says_so(here: Platform) -> None:
    failed = await failure(here, image_graph("TestCrash"))
    assert "signal 9" in failed.exception_message
    assert (await here.run(image_graph("ImageInvert"))).state is PromptState.SUCCEEDED
