"""Extensions whose nodes are declared by a schema."""

from __future__ import annotations

from typing import Any

import pytest

from services.graph.events import ExecutionFailed, NodeFinished, NodeStarted
from tests.executor.custom.bench import Prompt, shown
from tests.executor.custom.conftest import Load

EXTENSION = """
import asyncio
from typing_extensions import override
from comfy_api.latest import ComfyExtension, io, ui

class Blend(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Pack_Blend",
            display_name="Blend",
            category="pack/image",
            description="Blends.",
            inputs=[
                io.Image.Input("image1"),
                io.Image.Input("image2", optional=True, tooltip="The other one."),
                io.Float.Input("factor", default=0.5, min=0.0, max=1.0, step=0.01),
                io.Combo.Input("mode", options=["normal", "screen"], default="screen"),
                io.Int.Input("seed", default=0, min=0, max=9, control_after_generate=True,
                             display_mode=io.NumberDisplay.slider),
                io.String.Input("note", multiline=True, dynamic_prompts=True),
                io.MultiType.Input("size", types=[io.Int, io.Float]),
                io.Boolean.Input("fast", default=True, label_on="yes"),
            ],
            outputs=[io.Image.Output(), io.Int.Output(display_name="count", is_output_list=True)],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, image1, **more):
        return io.NodeOutput(image1, [1, 2])

class Text(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Pack_Text", inputs=[io.String.Input("text")], outputs=[io.String.Output()],
            hidden=[io.Hidden.unique_id], is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, text):
        return "too long" if len(text) > 20 else True

    @classmethod
    def fingerprint_inputs(cls, text):
        return float("nan") if text == "never" else text

    @classmethod
    async def execute(cls, text):
        await asyncio.sleep(0)
        assert cls.hidden.prompt and cls.hidden.dynprompt is None
        return io.NodeOutput(text, ui=ui.PreviewText(f"{cls.hidden.unique_id}: {text}"))

class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Show", inputs=[io.Image.Input("image")], is_output_node=True)

    @classmethod
    def execute(cls, image):
        return io.NodeOutput(ui=ui.PreviewImage(image, cls=cls))

class Stop(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Stop", inputs=[io.Image.Input("image")], outputs=[io.Image.Output()])

    @classmethod
    def execute(cls, image):
        return io.NodeOutput(block_execution="not today")

class Twice(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Twice", inputs=[io.Image.Input("image")], outputs=[io.Image.Output()],
                         enable_expand=True)

    @classmethod
    def execute(cls, image):
        from comfy_execution.graph_utils import GraphBuilder
        graph = GraphBuilder()
        first = graph.node("ImageInvert", image=image)
        return io.NodeOutput(graph.node("ImageInvert", image=first.out(0)).out(0), expand=graph.finalize())

class Choose(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Pack_Choose",
            inputs=[io.Boolean.Input("second"), io.Image.Input("first_image", lazy=True),
                    io.Image.Input("second_image", lazy=True)],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def check_lazy_status(cls, second, first_image=None, second_image=None):
        return ["second_image" if second else "first_image"]

    @classmethod
    def execute(cls, second, first_image=None, second_image=None):
        assert second_image is not None and first_image is None
        return io.NodeOutput(ui=ui.PreviewText(cls.hidden.unique_id))

class Extension(ComfyExtension):
    @override
    async def on_load(self):
        self.loaded = True

    @override
    async def get_node_list(self):
        assert self.loaded
        return [Blend, Text, Show, Stop, Twice, Choose]

async def comfy_entrypoint():
    return Extension()
"""

IMAGE = ("EmptyImage", {"width": 4, "height": 4, "batch_size": 1, "color": 0xFF})


def test_a_schema_becomes_the_definition_that_clients_know(load: Load) -> None:
    bench = load(extension=EXTENSION)
    assert bench.packs.loaded.failures == {}
    assert bench.definition("Pack_Blend") == {
        "input": {
            "required": {
                "image1": ["IMAGE", {}],
                "factor": ["FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}],
                "mode": ["COMBO", {"default": "screen", "multiselect": False, "options": ["normal", "screen"]}],
                "seed": [
                    "INT",
                    {"default": 0, "min": 0, "max": 9, "control_after_generate": True, "display": "slider"},
                ],
                "note": ["STRING", {"multiline": True, "dynamicPrompts": True}],
                "size": ["INT,FLOAT", {}],
                "fast": ["BOOLEAN", {"default": True, "label_on": "yes"}],
            },
            "optional": {"image2": ["IMAGE", {"tooltip": "The other one."}]},
            "hidden": {"unique_id": ["UNIQUE_ID"]},
        },
        "input_order": {
            "required": ["image1", "factor", "mode", "seed", "note", "size", "fast"],
            "optional": ["image2"],
            "hidden": ["unique_id"],
        },
        "output": ["IMAGE", "INT"],
        "output_is_list": [False, True],
        "output_name": ["IMAGE", "count"],
        "output_tooltips": [None, None],
        "name": "Pack_Blend",
        "display_name": "Blend",
        "description": "Blends.",
        "python_module": "custom_nodes.extension",
        "category": "pack/image",
        "output_node": False,
        "deprecated": False,
        "experimental": False,
        "api_node": False,
    }


def test_a_class_has_its_own_checks_only_when_it_writes_them(load: Load) -> None:
    bench = load(extension=EXTENSION)
    assert bench.definition("Pack_Text")["validation"] == {"arguments": ["text"], "any": False}
    assert bench.definition("Pack_Text")["display_name"] is None
    assert "validation" not in bench.definition("Pack_Show")
    assert not hasattr(bench.packs.classes["Pack_Show"], "IS_CHANGED")


def test_a_coroutine_runs_with_its_hidden_values(load: Load) -> None:
    events = load(extension=EXTENSION).run({"out": ("Pack_Text", {"text": "hello"})})
    assert shown(events) == {"text": ["out: hello"]}


@pytest.mark.parametrize(("text", "runs"), [("same", 0), ("never", 1)])
def test_a_fingerprint_decides_whether_it_runs_again(load: Load, text: str, runs: int) -> None:
    bench = load(extension=EXTENSION)
    prompt: Any = {"out": ("Pack_Text", {"text": text})}
    bench.run(prompt)
    assert len([event for event in bench.run(prompt) if isinstance(event, NodeStarted)]) == runs


def test_pictures_are_shown_through_our_own_saving(load: Load) -> None:
    bench = load(extension=EXTENSION)
    events = bench.run({"image": IMAGE, "out": ("Pack_Show", {"image": ["image", 0]})})
    (image,) = shown(events)["images"]
    assert (bench.shared / image["type"] / image["filename"]).is_file()


def through(class_type: str, **inputs: Any) -> Prompt:
    return {
        "image": IMAGE,
        "node": (class_type, {"image": ["image", 0], **inputs}),
        "out": ("Pack_Show", {"image": ["node", 0]}),
    }


def test_it_may_expand(load: Load) -> None:
    assert len(shown(load(extension=EXTENSION).run(through("Pack_Twice")))["images"]) == 1


def test_it_may_block(load: Load) -> None:
    events = load(extension=EXTENSION).run(through("Pack_Stop"))
    assert not [event for event in events if isinstance(event, NodeFinished) and event.output_json]


def test_it_chooses_lazy_inputs_without_the_hidden_ones(load: Load) -> None:
    events = load(extension=EXTENSION).run(
        {
            "a": ("EmptyImage", {**IMAGE[1], "color": 0}),
            "b": IMAGE,
            "out": ("Pack_Choose", {"second": True, "first_image": ["a", 0], "second_image": ["b", 0]}),
        }
    )
    assert shown(events) == {"text": ["out"]}
    assert [event.node.node_id for event in events if isinstance(event, NodeFinished)] == ["b", "out"]


def test_a_node_without_execute_fails_as_that_node(load: Load) -> None:
    source = """
from comfy_api.latest import ComfyExtension, io
class Lazy(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Lazy", is_output_node=True)
class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Lazy]
def comfy_entrypoint():
    return Extension()
"""
    last = load(lazy=source).run({"out": ("Pack_Lazy", {})})[-1]
    assert isinstance(last, ExecutionFailed)
    assert "Lazy has no execute" in last.exception_message


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("    return 5", "expected a ComfyExtension"),
        ("    return ComfyExtension()", "get_node_list"),
    ],
)
def test_an_entry_point_that_gives_no_extension_is_told(load: Load, body: str, what: str) -> None:
    source = f"from comfy_api.latest import ComfyExtension\ndef comfy_entrypoint():\n{body}\n"
    (failure,) = load(odd=source).packs.loaded.failures.values()
    assert what in failure


@pytest.mark.parametrize(("again", "times"), [("True", 2), ("False", 1)])
def test_a_node_in_the_middle_may_show_the_same_again_when_its_result_is_reused(
    load: Load, again: str, times: int
) -> None:
    source = f"""
from comfy_api.latest import ComfyExtension, io, ui
class Middle(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Middle", inputs=[io.Image.Input("image")], outputs=[io.Image.Output()],
                         has_intermediate_output={again})
    @classmethod
    def execute(cls, image):
        return io.NodeOutput(image, ui=ui.PreviewText("seen"))
class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Middle]
def comfy_entrypoint():
    return Extension()
"""
    bench = load(middle=source, extension=EXTENSION)
    told = [event for _ in range(2) for event in bench.run(through("Pack_Middle"))]
    texts = [event for event in told if isinstance(event, NodeFinished) and b"seen" in event.output_json]
    assert len(texts) == times
