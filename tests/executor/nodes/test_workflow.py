"""Nodes for pictures and masks in one workflow: validated against the catalogue, run by the engine."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from PIL import Image

from services.executor.catalogue import definitions_json
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.run import Engine
from services.executor.nodes import DISPLAY_NAMES, NODE_CLASSES
from services.graph.complaints import Complaint
from services.graph.definitions import Catalogue
from services.graph.errors import PromptRejected
from services.graph.events import ExecutionEvent, ExecutionFailed, ExecutionSucceeded, NodeFinished
from services.graph.model import parse_graph
from services.graph.validation import validate
from tests.executor.nodes.conftest import Surroundings


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def link(node_id: str, slot: int = 0) -> list[object]:
    return [node_id, slot]


async def no_complaints(node_ids: Collection[str]) -> dict[str, list[Complaint]]:
    return {}


async def run(graph: dict[str, Any], surroundings: Surroundings) -> list[ExecutionEvent]:
    catalogue = Catalogue.from_json(definitions_json(NODE_CLASSES, DISPLAY_NAMES))
    parsed = parse_graph(json.dumps(graph).encode())
    prompt = await validate(parsed, catalogue, None, no_complaints)
    events: list[ExecutionEvent] = []
    Engine(NODE_CLASSES, ClassicCache()).run(parsed, {}, prompt.output_node_ids, surroundings.run, events.append)
    return events


async def test_pictures_and_masks_go_through_many_nodes(surroundings: Surroundings) -> None:
    graph = {
        "red": node("EmptyImage", width=32, height=24, batch_size=2, color=0xFF0000),
        "size": node("GetImageSize", image=link("red")),
        "mask": node("SolidMask", value=1.0, width=link("size", 0), height=link("size", 1)),
        "faded": node("FeatherMask", mask=link("mask"), left=8, top=0, right=8, bottom=0),
        "grown": node("GrowMask", mask=link("faded"), expand=2, tapered_corners=True),
        "joined": node("JoinImageWithAlpha", image=link("red"), alpha=link("grown")),
        "split": node("SplitImageWithAlpha", image=link("joined")),
        "blended": node(
            "ImageBlend", image1=link("split"), image2=link("red"), blend_factor=0.5, blend_mode="soft_light"
        ),
        "stitched": node(
            "ImageStitch",
            image1=link("blended"),
            direction="down",
            match_image_size=True,
            spacing_width=2,
            spacing_color="blue",
            image2=link("red"),
        ),
        "animation": node("SaveAnimatedPNG", images=link("stitched"), filename_prefix="a", fps=6.0, compress_level=4),
        "masks": node("MaskPreview", mask=link("split", 1)),
    }
    events = await run(graph, surroundings)
    assert isinstance(events[-1], ExecutionSucceeded)
    shown = {
        event.node.node_id: json.loads(event.output_json)
        for event in events
        if isinstance(event, NodeFinished) and event.output_json
    }
    assert shown["animation"]["animated"] == [True]
    assert len(shown["masks"]["images"]) == 2
    with Image.open(surroundings.folder / "output/a_00001_.png") as picture:
        assert picture.size == (32, 24 + 2 + 24)
        assert picture.convert("RGB").getpixel((16, 25)) == (0, 0, 255)


async def test_a_choice_of_the_newer_form_is_checked(surroundings: Surroundings) -> None:
    graph = {
        "red": node("EmptyImage", width=8, height=8, batch_size=1, color=0),
        "open": node("Morphology", image=link("red"), operation="vanish", kernel_size=3),
        "show": node("PreviewImage", images=link("open")),
    }
    with pytest.raises(PromptRejected) as caught:
        await run(graph, surroundings)
    (error,) = json.loads(caught.value.node_errors_json)["open"]["errors"]
    assert error["type"] == "value_not_in_list"


async def test_a_request_for_terabytes_is_the_error_of_its_node(surroundings: Surroundings) -> None:
    graph = {
        "huge": node("EmptyImage", width=16384, height=16384, batch_size=4096, color=0),
        "show": node("PreviewImage", images=link("huge")),
    }
    failed = (await run(graph, surroundings))[-1]
    assert isinstance(failed, ExecutionFailed)
    assert "width, height, batch_size" in str(failed)
