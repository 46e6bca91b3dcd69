from __future__ import annotations

from typing import Any

import pytest

from services.graph.compatibility import accepts


class AnyButMask(str):
    __slots__ = ()
    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return other == "MASK"


@pytest.mark.parametrize(
    ("declared", "received"),
    [
        ("IMAGE", "IMAGE"),
        ("IMAGE,MASK", "MASK"),
        ("IMAGE, MASK", "MASK"),
        ("MASK", "IMAGE,MASK"),
        ("*", "INT"),
        ("INT", "*"),
        ("*", ["a", "b"]),
        ("COMFY_MATCHTYPE_V3", "IMAGE"),
        ("IMAGE", "COMFY_MATCHTYPE_V3"),
        (["a", "b"], ["a", "b"]),
        (["a", "b"], "COMBO"),
        ("COMBO", ["a", "b"]),
        ("IMAGE", AnyButMask("SMART")),
    ],
)
def test_a_fitting_type_is_accepted(declared: Any, received: Any) -> None:
    assert accepts(declared, received)


@pytest.mark.parametrize(
    ("declared", "received"),
    [
        ("IMAGE", "MASK"),
        ("IMAGE,FLOAT", "INT"),
        ("FLOAT", "INT"),
        (["a"], "STRING"),
        (["a"], ["b"]),
        ("STRING", ["a"]),
        ("MASK", AnyButMask("SMART")),
    ],
)
def test_another_type_is_not_accepted(declared: Any, received: Any) -> None:
    assert not accepts(declared, received)
