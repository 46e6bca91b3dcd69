"""Values at the edge of what makes sense give a picture or a clear error of their node, and the worker lives."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.graph.errors import PromptRejected
from services.graph.events import NodeProgress
from services.queue.records import PromptState
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.platform import Platform, outputs_of, platform
from tests.executor.sampling_graphs import failure, sampling

pytestmark = pytest.mark.asyncio(loop_scope="module")

XL = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl_small.safetensors"}}
VIDEO = {"class_type": "EmptyHunyuanLatentVideo", "inputs": {"width": 64, "height": 64, "length": 5, "batch_size": 1}}
SIXTEEN = {"class_type": "EmptySD3LatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    folder = tmp_path_factory.mktemp("values")
    for kind in ("checkpoints", "loras"):
        shutil.copytree(GOLDEN / "models" / kind, folder / "models" / kind)
    async with platform(folder, interrupt_grace=2.0) as running:
        yield running


def with_inputs(node_id: str, **inputs: Any) -> dict[str, Any]:
    graph = sampling()
    graph[node_id]["inputs"] |= inputs
    return graph


async def picture(here: Platform, graph: dict[str, Any]) -> Any:
    """The picture that comes of a workflow."""
    worker = here.workers[-1]
    prompt = await here.run(graph)
    assert prompt.state is PromptState.SUCCEEDED, prompt.events[-1]
    assert here.workers[-1] is worker
    (image,) = outputs_of(prompt)["9"]["images"]
    return await here.picture(image)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("steps", 0, "value_smaller_than_min"),
        ("steps", 10_001, "value_bigger_than_max"),
        ("cfg", -100.0, "value_smaller_than_min"),
        ("cfg", 1e30, "value_bigger_than_max"),
        ("cfg", "much", "invalid_input_type"),
        ("denoise", 1.5, "value_bigger_than_max"),
        ("seed", -1, "value_smaller_than_min"),
        ("seed", 2**64, "value_bigger_than_max"),
        ("sampler_name", "nope", "value_not_in_list"),
    ],
)
async def test_a_value_beyond_its_limits_is_refused_when_it_is_submitted(
    here: Platform, name: str, value: Any, kind: str
) -> None:
    with pytest.raises(PromptRejected) as refused:
        await here.submit(with_inputs("3", **{name: value}))
    (error,) = json.loads(refused.value.node_errors_json)["3"]["errors"]
    assert error["type"] == kind
    assert error["extra_info"]["input_name"] == name


@pytest.mark.parametrize("side", ["width", "height", "batch_size"])
@pytest.mark.parametrize("value", [0, -1])
async def test_a_latent_of_nothing_is_refused_when_it_is_submitted(here: Platform, side: str, value: int) -> None:
    with pytest.raises(PromptRejected) as refused:
        await here.submit(with_inputs("5", **{side: value}))
    assert "value_smaller_than_min" in refused.value.node_errors_json.decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cfg", 0.0),
        ("cfg", 1.0),
        ("cfg", 100.0),
        ("denoise", 0.0),
        ("denoise", 0.001),
        ("seed", 0),
        ("seed", 2**64 - 1),
    ],
)
async def test_a_value_at_its_limit_gives_a_picture(here: Platform, name: str, value: Any) -> None:
    assert (await picture(here, with_inputs("3", **{name: value}))).size == (32, 32)


@pytest.mark.parametrize("width", [33, 39, 16])
async def test_a_width_is_taken_as_whole_cells(here: Platform, width: int) -> None:
    assert (await picture(here, with_inputs("5", width=width))).size == (width // 8 * 8, 32)


async def test_a_guidance_that_is_no_number_gives_a_black_picture(here: Platform) -> None:
    made = await picture(here, with_inputs("3", cfg=float("nan")))
    assert made.getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("value", [1e-9, 1e-300, float("nan")])
async def test_a_denoise_that_makes_an_endless_schedule_is_an_error(here: Platform, value: float) -> None:
    failed = await failure(here, with_inputs("3", denoise=value))
    assert failed.node_type == "KSampler"
    assert "denoise: 1 steps at" in failed.exception_message


@pytest.mark.parametrize(("start", "end"), [(3, 1), (0, 0), (2, 2), (4, 10_000), (10_000, 10_000)])
async def test_steps_that_end_before_they_begin_leave_the_latent(here: Platform, start: int, end: int) -> None:
    inputs = sampling()["3"]["inputs"]
    inputs["noise_seed"] = inputs.pop("seed")
    del inputs["denoise"]
    inputs |= {"steps": 4, "start_at_step": start, "end_at_step": end, "return_with_leftover_noise": "disable"}
    without = sampling()
    without["8"]["inputs"]["samples"] = ["5", 0]
    advanced = {"class_type": "KSamplerAdvanced", "inputs": inputs | {"add_noise": "disable"}}
    made, empty = await picture(here, sampling(n3=advanced)), await picture(here, without)
    assert made.tobytes() == empty.tobytes()


async def test_ten_thousand_steps_can_be_interrupted(here: Platform) -> None:
    worker = here.workers[-1]
    prompt_id = await here.submit(with_inputs("3", steps=10_000, seed=77))
    assert (await here.until(prompt_id, NodeProgress)).maximum == 10_000
    await here.queue.interrupt([prompt_id])
    assert (await here.ended(prompt_id)).state is PromptState.INTERRUPTED
    assert here.workers[-1] is worker


@pytest.mark.parametrize(("width", "height"), [(17, 5), (1, 1), (300, 200)])
async def test_a_mask_of_another_size_is_stretched(here: Platform, width: int, height: int) -> None:
    mask = {"class_type": "SolidMask", "inputs": {"value": 1.0, "width": width, "height": height}}
    masked = {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["5", 0], "mask": ["20", 0]}}
    graph = sampling(n20=mask, n21=masked)
    graph["3"]["inputs"]["latent_image"] = ["21", 0]
    assert (await picture(here, graph)).tobytes() == (await picture(here, sampling())).tobytes()


@pytest.mark.parametrize(("width", "height"), [(7, 7), (1, 64)])
async def test_a_picture_smaller_than_a_cell_cannot_be_encoded(here: Platform, width: int, height: int) -> None:
    image = {"class_type": "EmptyImage", "inputs": {"width": width, "height": height, "batch_size": 1, "color": 0}}
    encoded = {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}}
    graph = sampling(n20=image, n21=encoded)
    graph["3"]["inputs"]["latent_image"] = ["21", 0]
    failed = await failure(here, graph)
    assert (failed.node_type, f"{width}x{height} pixels" in failed.exception_message) == ("VAEEncode", True)


@pytest.mark.parametrize(
    ("changed", "node_type", "said"),
    [
        ({"n8": ("VAEDecode", {"samples": ["20", 0], "vae": ["4", 2]}), "n20": SIXTEEN}, "VAEDecode", "have 16"),
        ({"n8": ("VAEDecode", {"samples": ["20", 0], "vae": ["4", 2]}), "n20": VIDEO}, "VAEDecode", "not 5"),
        ({"n5": VIDEO}, "KSampler", "latents of one picture"),
        ({"n6": ("CLIPTextEncode", {"clip": ["20", 1], "text": "a cat"}), "n20": XL}, "KSampler", "width 24"),
        ({"n6": ("CLIPTextEncode", {"clip": ["4", 1], "text": "(a:1e300)"})}, "CLIPTextEncode", "not finite"),
    ],
)
async def test_what_is_of_another_family_is_named(
    here: Platform, changed: dict[str, Any], node_type: str, said: str
) -> None:
    nodes: dict[str, dict[str, Any]] = {
        name: {"class_type": node[0], "inputs": node[1]} if isinstance(node, tuple) else node
        for name, node in changed.items()
    }
    failed = await failure(here, sampling() | {name.removeprefix("n"): node for name, node in nodes.items()})
    assert failed.node_type == node_type
    assert said in failed.exception_message


@pytest.mark.parametrize("text", ["cat " * 2_000_000, "(" * 8_000_000, "a" * 8_000_000])
async def test_a_prompt_of_eight_megabytes_is_a_clear_error(here: Platform, text: str) -> None:
    failed = await failure(here, with_inputs("6", text=text))
    assert failed.node_type == "CLIPTextEncode"
    assert "characters" in failed.exception_message


@pytest.mark.parametrize("text", ["\0\u200b", "((((", "embedding:nothere embedding:../../etc/passwd", "(x:-5) (y:)"])
async def test_an_odd_prompt_gives_a_picture(here: Platform, text: str) -> None:
    assert (await picture(here, with_inputs("6", text=text))).size == (32, 32)


async def test_a_lora_of_another_family_changes_nothing(here: Platform) -> None:
    inputs = {"model": ["4", 0], "lora_name": "sdxl_locon_mid.safetensors", "strength_model": 1.0}
    graph = sampling(n10={"class_type": "LoraLoaderModelOnly", "inputs": inputs})
    graph["3"]["inputs"]["model"] = ["10", 0]
    assert (await picture(here, graph)).size == (32, 32)
    assert len(here.workers) == 1
