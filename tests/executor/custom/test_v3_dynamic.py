"""Nodes declared by a schema whose inputs depend on what they are given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.graph.errors import PromptRejected
from services.graph.events import NodeFinished
from tests.executor.custom.bench import Prompt, shown
from tests.executor.custom.conftest import Load

EXTENSION = """
from comfy_api.latest import ComfyExtension, io, ui

class Names(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        count = io.Autogrow.TemplatePrefix(io.Image.Input("image"), prefix="image", min=1, max=3)
        named = io.Autogrow.TemplateNames(io.Int.Input("number", optional=True), names=["a", "b"], min=0)
        return io.Schema(
            node_id="Pack_Names",
            inputs=[io.Autogrow.Input("images", template=count), io.Autogrow.Input("numbers", template=named)],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: io.Autogrow.Type, numbers: io.Autogrow.Type):
        return io.NodeOutput(ui=ui.PreviewText(f"{sorted(images)} {numbers}"))

class Choice(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        inner = io.DynamicCombo.Input("inner", options=[
            io.DynamicCombo.Option("one", [io.Float.Input("value")]), io.DynamicCombo.Option("two", []),
        ])
        return io.Schema(
            node_id="Pack_Choice",
            inputs=[
                io.DynamicCombo.Input("mode", options=[
                    io.DynamicCombo.Option("plain", [io.Int.Input("width", min=1)]),
                    io.DynamicCombo.Option("lazy", [io.Image.Input("image", lazy=True)]),
                    io.DynamicCombo.Option("nested", [inner]),
                ]),
                io.Color.Input("colour"),
                io.BoundingBox.Input("box", optional=True, component="ImageCrop", force_input=True),
                io.Curve.Input("curve", optional=True, default=[(0.0, 1.0)]),
                io.ImageCompare.Input("compared", optional=True, socketless=True),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, mode: io.DynamicCombo.Type, colour, **edited):
        shown = {name: getattr(value, "shape", value) for name, value in mode.items()}
        return io.NodeOutput(ui=ui.PreviewText(f"{shown} {colour}"))

class Same(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        template = io.MatchType.Template("same", allowed_types=[io.Image, io.Mask])
        return io.Schema(
            node_id="Pack_Same",
            inputs=[io.MatchType.Input("value", template=template, lazy=True), io.Int.Input("number")],
            outputs=[io.MatchType.Output(template, display_name="same"), io.Int.Output()],
        )

    @classmethod
    def execute(cls, value, number):
        return io.NodeOutput(value, number)

class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Show", inputs=[io.Image.Input("image")], is_output_node=True)

    @classmethod
    def execute(cls, image):
        return io.NodeOutput(ui=ui.PreviewText(str(tuple(image.shape))))

class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Names, Choice, Same, Show]

def comfy_entrypoint():
    return Extension()
"""

IMAGE = ("EmptyImage", {"width": 4, "height": 4, "batch_size": 1, "color": 0xFF})
LINK = ["image", 0]


def prompt(class_type: str, **inputs: Any) -> Prompt:
    return {"image": IMAGE, "out": (class_type, inputs)}


def test_the_definitions_are_those_that_clients_know(load: Load) -> None:
    bench = load(extension=EXTENSION)
    assert bench.packs.loaded.failures == {}
    assert bench.definition("Pack_Names")["input"]["required"] == {
        "images": [
            "COMFY_AUTOGROW_V3",
            {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 3}},
        ],
        "numbers": [
            "COMFY_AUTOGROW_V3",
            {
                "template": {
                    "input": {"optional": {"number": ["INT", {"forceInput": True}]}},
                    "names": ["a", "b"],
                    "min": 0,
                }
            },
        ],
    }
    mode, options = bench.definition("Pack_Choice")["input"]["required"]["mode"]
    assert mode == "COMFY_DYNAMICCOMBO_V3"
    assert options["options"][0] == {"key": "plain", "inputs": {"required": {"width": ["INT", {"min": 1}]}}}
    assert bench.definition("Pack_Choice")["input"]["required"]["colour"] == ["COLOR", {"default": "#ffffff"}]
    assert bench.definition("Pack_Choice")["input"]["optional"] == {
        "box": [
            "BOUNDING_BOX",
            {
                "default": {"x": 0, "y": 0, "width": 512, "height": 512},
                "forceInput": True,
                "component": "ImageCrop",
            },
        ],
        "curve": ["CURVE", {"default": [[0.0, 1.0]]}],
        "compared": ["IMAGECOMPARE", {"socketless": True}],
    }
    same = bench.definition("Pack_Same")
    template = {"template_id": "same", "allowed_types": "IMAGE,MASK"}
    assert same["input"]["required"]["value"] == ["COMFY_MATCHTYPE_V3", {"lazy": True, "template": template}]
    assert (same["output"], same["output_name"]) == (["COMFY_MATCHTYPE_V3", "INT"], ["same", "INT"])
    assert same["output_matchtypes"] == ["same", None]
    assert "output_matchtypes" not in bench.definition("Pack_Show")


def test_values_of_a_growing_input_come_as_one_dict(load: Load) -> None:
    events = load(extension=EXTENSION).run(
        prompt("Pack_Names", **{"images.image0": LINK, "images.image2": LINK, "numbers.b": "7"})
    )
    assert shown(events) == {"text": ["['image0', 'image2'] {'b': 7}"]}


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"mode": "plain", "mode.width": "5"}, "{'mode': 'plain', 'width': 5} #000000"),
        ({"mode": "lazy", "mode.image": LINK}, "{'mode': 'lazy', 'image': torch.Size([1, 4, 4, 3])} #000000"),
        (
            {"mode": "nested", "mode.inner": "one", "mode.inner.value": 2},
            "{'mode': 'nested', 'inner': {'inner': 'one', 'value': 2.0}} #000000",
        ),
        ({"mode": "nested", "mode.inner": "two"}, "{'mode': 'nested', 'inner': {'inner': 'two'}} #000000"),
    ],
)
def test_a_choice_comes_with_its_own_inputs(load: Load, inputs: dict[str, Any], text: str) -> None:
    bench = load(extension=EXTENSION)
    submitted = prompt("Pack_Choice", **inputs, colour="#000000")
    assert asyncio.run(bench.validate(submitted)).output_node_ids == ("out",)
    assert shown(bench.run(submitted)) == {"text": [text]}


def test_inputs_of_another_choice_are_missed_and_not_passed(load: Load) -> None:
    bench = load(extension=EXTENSION)
    wrong = prompt("Pack_Choice", **{"mode": "plain", "mode.inner": "one", "colour": "#000000"})
    with pytest.raises(PromptRejected) as rejected:
        asyncio.run(bench.validate(wrong))
    assert "mode.width" in rejected.value.error_json.decode()


def test_another_value_inside_a_choice_is_another_result(load: Load) -> None:
    bench = load(extension=EXTENSION)
    for width, ran in ((1, 1), (1, 0), (2, 1)):
        events = bench.run(prompt("Pack_Choice", **{"mode": "plain", "mode.width": width, "colour": "#000000"}))
        finished = [event for event in events if isinstance(event, NodeFinished) and not event.reused]
        assert len(finished) == ran


def test_a_value_of_any_type_is_passed_on(load: Load) -> None:
    submitted: Prompt = {
        "image": IMAGE,
        "same": ("Pack_Same", {"value": LINK, "number": 3}),
        "out": ("Pack_Show", {"image": ["same", 0]}),
    }
    assert shown(load(extension=EXTENSION).run(submitted)) == {"text": ["(1, 4, 4, 3)"]}
