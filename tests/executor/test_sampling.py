"""A picture from a text, with the bundled checkpoint, through the worker."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from services.graph.errors import PromptRejected
from services.graph.events import ExecutionInterrupted, NodePreview, NodeProgress
from services.queue.records import PromptState
from tests.executor.platform import Platform, outputs_of, platform

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("sampling")) as running:
        yield running


async def workflow(here: Platform, **sampling: Any) -> dict[str, Any]:
    definitions = await here.catalogue_with("KSampler", "sampler_name", "euler")
    checkpoint = definitions["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0][0]
    settings = {"seed": 5, "steps": 4, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "a red circle"}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": ""}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 72, "height": 64, "batch_size": 1}},
        "5": {
            "class_type": "KSampler",
            "inputs": {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0]}
            | settings
            | sampling,
        },
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "sampled"}},
    }


async def picture(here: Platform, graph: dict[str, Any]) -> Image.Image:
    prompt = await here.run(graph)
    assert prompt.state is PromptState.SUCCEEDED
    return await here.picture(outputs_of(prompt)["7"]["images"][0])


async def test_a_text_becomes_a_picture_and_the_seed_decides_which(here: Platform) -> None:
    first = await picture(here, await workflow(here))
    assert (first.mode, first.size) == ("RGB", (72, 64))
    other = await picture(here, await workflow(here, seed=6))
    again = await picture(here, await workflow(here))
    assert first.tobytes() == again.tobytes() != other.tobytes()


async def test_a_picture_can_be_changed_by_a_text(here: Platform) -> None:
    graph = await workflow(here, denoise=0.5)
    graph["4"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0], "vae": ["1", 2]}}
    graph["8"] = {"class_type": "EmptyImage", "inputs": {"width": 70, "height": 66, "batch_size": 1, "color": 255}}
    assert (await picture(here, graph)).size == (64, 64)


async def test_every_step_is_told_and_shown_to_those_who_watch(here: Platform) -> None:
    prompt_id = await here.submit(await workflow(here, steps=300))
    preview = await here.until(prompt_id, NodePreview, previews=True)
    assert preview.node.node_id == "5"
    assert preview.media_type == "image/jpeg"
    shown = Image.open(io.BytesIO(preview.data))
    assert (shown.format, shown.size) == ("JPEG", (72, 64))
    progress = await here.until(prompt_id, NodeProgress)
    assert progress.maximum == 300
    await here.queue.interrupt([prompt_id])
    prompt = await here.ended(prompt_id)
    assert isinstance(prompt.events[-1].body, ExecutionInterrupted)
    assert prompt.events[-1].body.node_type == "KSampler"


@pytest.mark.parametrize(("setting", "named"), [({"sampler_name": "magic"}, "sampler_name"), ({"steps": 0}, "steps")])
async def test_a_setting_that_is_not_allowed_is_named(setting: dict[str, Any], named: str, here: Platform) -> None:
    with pytest.raises(PromptRejected) as refused:
        await here.submit(await workflow(here, **setting))
    assert named in refused.value.node_errors_json.decode()
