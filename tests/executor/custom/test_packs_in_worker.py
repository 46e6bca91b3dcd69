"""Packs in a worker process, over the real file service and queue."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.files.records import FileKind, FileName
from services.graph.events import NodePreview
from services.queue.records import PromptState
from tests.executor.platform import Platform, outputs_of, platform

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("packs")) as running:
        yield running


async def test_a_file_that_a_pack_writes_by_path_is_in_the_file_service(here: Platform) -> None:
    graph = {"9": {"class_type": "PackWrite", "inputs": {"prefix": "by/path", "text": "hello"}}}
    prompt = await here.run(graph)
    (file,) = outputs_of(prompt)["9"]["files"]
    assert file == {"filename": "path_00001_.txt", "subfolder": "by", "type": "output"}
    async with here.files.open(FileName(FileKind.OUTPUT, "by", "path_00001_.txt")) as stored:
        assert await stored.read() == b"hello"


async def test_an_input_reaches_a_pack_that_joins_paths_itself(here: Platform) -> None:
    await here.put("words.txt", b"some words")
    await here.catalogue_with("PackRead", "file", "words.txt")
    prompt = await here.run({"9": {"class_type": "PackRead", "inputs": {"file": "words.txt", "how": "joined"}}})
    assert outputs_of(prompt)["9"]["text"] == ["some words", "words.txt"]


async def test_an_expansion_and_its_pictures_reach_the_outside(here: Platform) -> None:
    image = {"width": 8, "height": 8, "batch_size": 1, "color": 255}
    prompt = await here.run(
        {
            "1": {"class_type": "EmptyImage", "inputs": image},
            "2": {"class_type": "ProbeExpand", "inputs": {"image": ["1", 0], "n": 2}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "expanded"}},
        }
    )
    assert prompt.state is PromptState.SUCCEEDED
    (saved,) = outputs_of(prompt)["9"]["images"]
    assert (await here.picture(saved)).getpixel((0, 0)) == (0, 0, 255)


async def test_previews_of_a_pack_reach_who_watches(here: Platform) -> None:
    image = {"width": 64, "height": 64, "batch_size": 1, "color": 255}
    inputs = {"image": ["1", 0], "steps": 100, "format": "PNG", "max_size": 16, "delay": 0.02}
    prompt_id = await here.submit(
        {
            "1": {"class_type": "EmptyImage", "inputs": image},
            "2": {"class_type": "ProbePreview", "inputs": inputs},
            "9": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
        }
    )
    preview = await here.until(prompt_id, NodePreview, previews=True)
    assert (preview.media_type, preview.provisional) == ("image/png", False)
    await here.ended(prompt_id)
