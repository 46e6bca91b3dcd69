"""Nodes through validation and engine, linked to each other."""

from __future__ import annotations

from typing import Any

from services.executor.catalogue import definitions_json
from services.executor.nodes import DISPLAY_NAMES, NODE_CLASSES
from services.graph.definitions import Catalogue
from tests.executor.engine.bench import Bench, shown, started
from tests.graph.catalogues import graph, validated

TEXTS: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("PrimitiveString", {"value": "a cat, a dog"}),
    "animals": (
        "RegexExtract",
        {
            "string": ["name", 0],
            "regex_pattern": r"a (\w+)",
            "mode": "All Groups",
            "case_insensitive": True,
            "multiline": False,
            "dotall": False,
            "group_index": 1,
        },
    ),
    "length": ("StringLength", {"string": ["animals", 0]}),
    "text": ("PreviewAny", {"source": ["animals", 0]}),
    "number": ("PreviewAny", {"source": ["length", 0]}),
    "flag": ("PreviewAny", {"source": ["yes", 0]}),
    "yes": ("PrimitiveBoolean", {"value": True}),
}
LATENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "empty": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 5}),
    "batches": ("RebatchLatents", {"latents": ["empty", 0], "batch_size": 2}),
    "turned": ("LatentRotate", {"samples": ["batches", 0], "rotation": "90 degrees"}),
    "again": ("RebatchLatents", {"latents": ["turned", 0], "batch_size": 4}),
    "out": ("Places", {"samples": ["again", 0]}),
}

SWITCH: dict[str, tuple[str, dict[str, Any]]] = {
    "yes": ("PrimitiveBoolean", {"value": True}),
    "cat": ("PrimitiveString", {"value": "a cat"}),
    "dog": ("PrimitiveString", {"value": "a dog"}),
    "switch": ("ComfySwitchNode", {"switch": ["yes", 0], "on_true": ["cat", 0], "on_false": ["dog", 0]}),
    "loud": ("CaseConverter", {"string": ["switch", 0], "mode": "UPPERCASE"}),
    "text": ("PreviewAny", {"source": ["loud", 0]}),
}


class Places:
    """Shows the places of the latents of each batch."""

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"samples": ("LATENT",)}}

    def show(self, samples: dict[str, Any]) -> dict[str, Any]:
        return {"ui": {"places": [samples["batch_index"]]}}


def test_texts_and_numbers_flow_into_whatever_shows_them() -> None:
    events = Bench(*NODE_CLASSES.values()).run(TEXTS, ("text", "number", "flag"))
    assert shown(events) == {"text": {"text": ["cat\ndog"]}, "number": {"text": ["7"]}, "flag": {"text": ["True"]}}


def test_lists_of_latents_are_mapped_and_put_together_again() -> None:
    events = Bench(*NODE_CLASSES.values(), Places).run(LATENTS)
    assert shown(events) == {"out": {"places": [[0, 1, 2, 3], [4]]}}


def test_a_switch_needs_only_the_branch_that_it_takes() -> None:
    events = Bench(*NODE_CLASSES.values()).run(SWITCH, ("text",))
    assert shown(events) == {"text": {"text": ["A CAT"]}}
    assert "dog" not in started(events)
    other = SWITCH | {"yes": ("PrimitiveBoolean", {"value": False})}
    assert shown(Bench(*NODE_CLASSES.values()).run(other, ("text",))) == {"text": {"text": ["A DOG"]}}


async def test_links_of_any_type_are_accepted_by_what_shows_them() -> None:
    catalogue = Catalogue.from_json(definitions_json(NODE_CLASSES, DISPLAY_NAMES))
    accepted = await validated(graph(**TEXTS), catalogue)
    assert set(accepted.output_node_ids) == {"text", "number", "flag"}
    assert (await validated(graph(**SWITCH), catalogue)).output_node_ids == ("text",)
