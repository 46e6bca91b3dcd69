"""Nodes that hold one value, and the one that shows any."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.preview_any import LONGEST_PREVIEW, PreviewAny
from services.executor.nodes.primitives import NODES, Primitive, PrimitiveInt


@pytest.mark.parametrize("node", NODES)
def test_a_primitive_hands_out_the_very_value(node: type[Primitive]) -> None:
    value = object()
    assert node().execute(value)[0] is value


def test_two_primitives_share_no_declaration() -> None:
    PrimitiveInt.INPUT_TYPES()["required"]["value"][1]["min"] = 0
    assert PrimitiveInt.INPUT_TYPES()["required"]["value"][1]["min"] == 1 - 2**63


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("as is", "as is"),
        (7, "7"),
        (0.5, "0.5"),
        (True, "True"),
        ([1, "é"], '[1, "\\u00e9"]'),
        ({"a": None}, '{"a": null}'),
        (torch.zeros(2), "tensor([0., 0.])"),
    ],
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    assert PreviewAny().main(value) == {"ui": {"text": (text,)}}


def test_a_value_that_contains_itself_has_a_text() -> None:
    value: list[object] = []
    value.append(value)
    assert PreviewAny().main(value) == {"ui": {"text": ("[[...]]",)}}


def test_a_text_too_long_to_show_is_cut_and_says_so() -> None:
    (text,) = PreviewAny().main("x" * (LONGEST_PREVIEW + 1))["ui"]["text"]
    assert text.endswith("x… (1,000,001 characters in all)")
