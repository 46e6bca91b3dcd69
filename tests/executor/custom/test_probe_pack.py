"""A pack written for ComfyUI, through the engine."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.graph.errors import PromptRejected
from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
    NodeText,
)
from tests.executor.custom.bench import PACKS, PackBench, Prompt, pack_bench, shown

EMPTY = ("EmptyImage", {"width": 64, "height": 48, "batch_size": 1, "color": 0xFF0000})
PROBES = [
    *("ProbePreview", "ProbeText", "ProbeError", "ProbeSleep", "ProbeBusy"),
    *("ProbeChanged", "ProbeBlock", "ProbeExpand", "ProbeTypes", "ProbeValidate"),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackBench]:
    with pack_bench(tmp_path_factory.mktemp("probe"), PACKS) as made:
        yield made


def through(class_type: str, **inputs: Any) -> Prompt:
    return {
        "image": EMPTY,
        "probe": (class_type, {"image": ["image", 0], **inputs}),
        "out": ("PreviewImage", {"images": ["probe", 0]}),
    }


def test_it_loads_whole_with_its_names_and_its_web_directory(bench: PackBench) -> None:
    loaded = bench.packs.loaded
    assert loaded.failures == {}
    assert [name for name in loaded.classes if name.startswith("Probe")] == PROBES
    assert loaded.display_names["ProbeTypes"] == "Probe Types"
    assert Path(loaded.web_directories["probe"]) == PACKS / "probe" / "js"
    assert bench.definition("ProbeTypes")["python_module"] == "custom_nodes.probe"


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_previews_are_contained_in_their_size(bench: PackBench, kind: str, media_type: str) -> None:
    bench.context.previews_wanted.set()
    events = bench.run(through("ProbePreview", steps=2, format=kind, max_size=32, delay=0.0))
    assert [(event.value, event.maximum) for event in events if isinstance(event, NodeProgress)] == [(1, 2), (2, 2)]
    previews = [event for event in events if isinstance(event, NodePreview)]
    assert [(preview.media_type, preview.provisional) for preview in previews] == [(media_type, False)] * 2
    picture = Image.open(io.BytesIO(previews[0].data))
    assert (picture.format, picture.size) == (kind, (32, 24))


def test_a_preview_without_a_size_is_left_as_it_is(bench: PackBench) -> None:
    bench.context.previews_wanted.set()
    events = bench.run(through("ProbePreview", steps=1, format="PNG", max_size=0, delay=0.0))
    (preview,) = [event for event in events if isinstance(event, NodePreview)]
    assert Image.open(io.BytesIO(preview.data)).size == (64, 48)


def test_previews_are_not_made_when_nobody_watches(bench: PackBench) -> None:
    bench.context.previews_wanted.clear()
    events = bench.run(through("ProbePreview", steps=3, format="PNG", max_size=16, delay=0.0))
    assert not [event for event in events if isinstance(event, NodePreview)]


def test_a_node_may_say_something_and_show_it(bench: PackBench) -> None:
    events = bench.run({"out": ("ProbeText", {"text": "half way"})})
    assert [event.text for event in events if isinstance(event, NodeText)] == ["half way"]
    assert shown(events) == {"text": ["half way"]}


def test_an_error_names_the_node_and_says_what_it_said(bench: PackBench) -> None:
    last = bench.run(through("ProbeError", msg="boom"))[-1]
    assert isinstance(last, ExecutionFailed)
    assert (last.node_id, last.node_type) == ("probe", "ProbeError")
    assert (last.exception_type, last.exception_message.strip()) == ("ValueError", "boom")


def test_an_interrupt_is_heard_at_the_progress_bar(bench: PackBench) -> None:
    timer = threading.Timer(0.1, bench.context.interrupted.set)
    timer.start()
    try:
        last = bench.run(through("ProbeSleep", seconds=30.0, progress=True, tag=1))[-1]
    finally:
        timer.join()
        bench.context.interrupted.clear()
    assert isinstance(last, ExecutionInterrupted)
    assert last.node_id == "probe"


def test_what_never_equals_itself_runs_again_and_what_feeds_it_does_not(bench: PackBench) -> None:
    bench.run(through("ProbeChanged"))
    events = bench.run(through("ProbeChanged"))
    (cached,) = [event for event in events if isinstance(event, NodesCached)]
    assert cached.node_ids == ("image",)
    assert [event.node.node_id for event in events if isinstance(event, NodeStarted)] == ["probe", "out"]


def test_a_silent_blocker_keeps_the_output_from_running(bench: PackBench) -> None:
    events = bench.run(through("ProbeBlock", msg=""))
    assert isinstance(events[-1], ExecutionSucceeded)
    assert not [event for event in events if isinstance(event, NodeFinished) and event.output_json]


def test_a_blocker_with_a_message_is_told_by_the_node_that_it_kept_from_running(bench: PackBench) -> None:
    events = bench.run(through("ProbeBlock", msg="not today"))
    (blocked,) = [event for event in events if isinstance(event, NodeBlocked)]
    assert (blocked.node.node_id, blocked.message) == ("out", "not today")


def test_an_expansion_runs_under_the_ids_that_its_builder_gives(bench: PackBench) -> None:
    events = bench.run(through("ProbeExpand", n=3))
    made = [event.node for event in events if isinstance(event, NodeStarted) and event.node.parent_node_id]
    assert [node.node_id for node in made] == ["probe.0.0.1", "probe.0.0.2", "probe.0.0.3", "probe.0.0.4"][: len(made)]
    assert len(made) >= 3
    assert {(node.display_node_id, node.parent_node_id) for node in made} == {("probe", "probe")}
    (image,) = shown(events)["images"]
    with Image.open(bench.shared / "temp" / image["filename"]) as picture:
        assert picture.getpixel((0, 0)) == (0, 255, 255)  # red, inverted three times


def test_every_kind_of_input_arrives_converted(bench: PackBench) -> None:
    inputs = {"i": "5", "f": 2, "s": 7, "b": 0, "c": "two", "big": "3", "combo2": "q"}
    (text,) = shown(bench.run({"out": ("ProbeTypes", inputs)}))["text"]
    assert text == repr(
        [
            ("b", "bool", False),
            ("big", "str", "3"),
            ("c", "str", "two"),
            ("combo2", "str", "q"),
            ("f", "float", 2.0),
            ("i", "int", 5),
            ("s", "str", "7"),
        ]
    )


@pytest.mark.parametrize(
    ("v", "kind"),
    [(3, "custom_validation_failed"), (4, "custom_validation_failed"), (5, "exception_during_validation")],
)
async def test_its_own_checks_reject_a_prompt(bench: PackBench, v: int, kind: str) -> None:
    with pytest.raises(PromptRejected) as rejected:
        await bench.validate({"out": ("ProbeValidate", {"v": v, "w": 0})})
    (errors,) = json.loads(rejected.value.node_errors_json).values()
    assert kind in [error["type"] for error in errors["errors"]]


async def test_limits_that_it_does_not_check_itself_hold(bench: PackBench) -> None:
    with pytest.raises(PromptRejected) as rejected:
        await bench.validate({"out": ("ProbeValidate", {"v": 99, "w": 99})})
    (errors,) = json.loads(rejected.value.node_errors_json).values()
    assert [error["extra_info"]["input_name"] for error in errors["errors"]] == ["w"]
