"""Models that only the file service has, through agent and worker process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.files import names
from services.files.records import FileKind, FileName
from services.files.stores.memory import MemoryStore
from services.files.stores.open_file import OpenFile
from services.graph.events import NodeProgress, NodeText
from services.queue.records import PromptState
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.platform import PATIENCE, image_graph, outputs_of, platform

SMALL, OTHER = "sd/small.safetensors", "other.safetensors"


class GatedStore(MemoryStore):
    """Lets the last half of a content through when the gate is open."""

    def __init__(self) -> None:
        weights = (GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").read_bytes()
        both = {SMALL: weights, OTHER: weights[:-8] + bytes(8)}
        super().__init__(
            {names.parse_path(FileKind.MODELS, f"checkpoints/{path}"): content for path, content in both.items()}
        )
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        async with super().open(source, offset=offset, length=length) as file:
            yield OpenFile(file.info, self._gated(file))

    async def _gated(self, file: OpenFile) -> AsyncIterator[bytes]:
        content = await file.read()
        yield content[: len(content) // 2]
        await self.gate.wait()
        yield content[len(content) // 2 :]


def decoding(checkpoint: str) -> dict[str, Any]:
    """A workflow that needs a checkpoint."""
    graph = image_graph()
    graph["1"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}}
    graph["2"] = {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}
    graph["3"] = {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["1", 2]}}
    graph["9"]["inputs"]["images"] = ["3", 0]
    return graph


async def test_a_checkpoint_of_the_file_service_is_offered_fetched_and_used(tmp_path: Path) -> None:
    store = GatedStore()
    async with platform(tmp_path, interrupt_grace=PATIENCE, files=store) as here:
        await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", SMALL)
        prompt = await here.run(decoding(SMALL))
        assert prompt.state is PromptState.SUCCEEDED
        assert outputs_of(prompt)["9"]["images"]
        [entry] = (tmp_path / "model-cache" / "entries").iterdir()
        assert [file.name for file in entry.iterdir()] == ["small.safetensors"]
        await waiting_is_told_and_can_be_interrupted(here, store)


async def waiting_is_told_and_can_be_interrupted(here: Any, store: GatedStore) -> None:
    store.gate.clear()
    prompt_id = await here.submit(decoding(OTHER))
    text = await here.until(prompt_id, NodeText)
    assert text.text.startswith(f"{OTHER}: downloading")
    progress = await here.until(prompt_id, NodeProgress)
    assert 0 <= progress.value < progress.maximum
    await here.queue.interrupt([prompt_id])
    assert (await here.ended(prompt_id)).state is PromptState.INTERRUPTED
    store.gate.set()
    assert (await here.run(decoding(OTHER))).state is PromptState.SUCCEEDED
