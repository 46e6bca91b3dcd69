"""Model files that cannot be used fail the node that loads them, by name, and the worker lives."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from services.queue.records import PromptState
from tests.executor.bad_files import CHECKPOINT, CONTROL_NETWORK, LORA, damaged_files, mislabelled_files, other_files
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.platform import Platform, platform
from tests.executor.sampling_graphs import failure, sampling

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = GOLDEN / "models"
OTHER, DAMAGED, MISLABELLED = list(other_files()), list(damaged_files(MODELS)), list(mislabelled_files(MODELS))
FOLDERS = (
    "checkpoints",
    "loras",
    "controlnet",
    "upscale_models",
    "clip_vision",
    "vae",
    "diffusion_models",
    "vae_approx",
)

#: Loaders beside that of checkpoints: by class the input with the name, and other inputs.
LOADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "ControlNetLoader": ("control_net_name", {}),
    "UpscaleModelLoader": ("model_name", {}),
    "CLIPVisionLoader": ("clip_name", {}),
    "LoraLoaderModelOnly": ("lora_name", {"model": ["4", 0], "strength_model": 1.0}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    folder = tmp_path_factory.mktemp("bad")
    for kind in FOLDERS:
        (folder / "models" / kind).mkdir(parents=True)
    for kept in (CHECKPOINT, LORA, CONTROL_NETWORK):
        shutil.copy(MODELS / kept, folder / "models" / kept)
    for name, content, _ in OTHER + DAMAGED + MISLABELLED:
        written = folder / "models" / "checkpoints" / f"{name}.safetensors"
        written.write_bytes(content)
        for kind in FOLDERS[1:]:
            (folder / "models" / kind / written.name).hardlink_to(written)
    for kind in FOLDERS[1:]:
        (folder / "models" / kind / "whole.safetensors").hardlink_to(folder / "models" / CHECKPOINT)
    async with platform(folder) as running:
        yield running


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, _, said in OTHER + DAMAGED + MISLABELLED])
async def test_a_file_that_is_no_checkpoint_is_called_what_it_is(here: Platform, name: str, said: str) -> None:
    failed = await failure(here, sampling(f"{name}.safetensors"))
    assert failed.node_type == "CheckpointLoaderSimple"
    assert said in failed.exception_message
    assert f"{name}.safetensors" in failed.exception_message
    assert failed.exception_type.endswith("CheckpointError")
    assert str(here.models) not in failed.exception_message


@pytest.mark.parametrize("class_type", LOADERS)
async def test_every_loader_says_what_a_file_is(here: Platform, class_type: str) -> None:
    named, more = LOADERS[class_type]
    for name, _, said in OTHER:
        loader = {"class_type": class_type, "inputs": {named: f"{name}.safetensors", **more}}
        shown = {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}
        failed = await failure(here, {"4": sampling()["4"], "1": loader, "9": shown})
        assert failed.node_type == class_type
        assert said in failed.exception_message


@pytest.mark.parametrize("class_type", ["ControlNetLoader", "UpscaleModelLoader", "CLIPVisionLoader"])
async def test_a_checkpoint_is_no_other_model(here: Platform, class_type: str) -> None:
    loader = {"class_type": class_type, "inputs": {LOADERS[class_type][0]: "whole.safetensors"}}
    shown = {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}
    failed = await failure(here, {"1": loader, "9": shown})
    assert failed.exception_message.startswith("whole.safetensors")
    assert "it looks like a checkpoint" in failed.exception_message


async def test_a_checkpoint_as_lora_changes_nothing_and_the_prompt_goes_on(here: Platform) -> None:
    inputs = {"model": ["4", 0], "lora_name": "lacks_one.safetensors", "strength_model": 1.0}
    graph = sampling(n10={"class_type": "LoraLoaderModelOnly", "inputs": inputs})
    graph["3"]["inputs"]["model"] = ["10", 0]
    assert (await here.run(graph)).state is PromptState.SUCCEEDED


async def test_a_model_that_vanishes_after_it_was_listed_is_missed_by_name(here: Platform) -> None:
    path = here.models / "checkpoints" / "passing.safetensors"
    path.hardlink_to(here.models / CHECKPOINT)
    await here.catalogue_with("CheckpointLoaderSimple", "ckpt_name", path.name)
    path.unlink()
    failed = await failure(here, sampling(path.name))
    assert "passing.safetensors" in failed.exception_message
    assert str(here.models) not in failed.exception_message


async def test_after_all_that_a_picture_is_made(here: Platform) -> None:
    assert (await here.run(sampling())).state is PromptState.SUCCEEDED
    assert len(here.workers) == 1
