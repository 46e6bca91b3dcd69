"""Which conditions are steered."""

from __future__ import annotations

from typing import Any

import pytest

from services.executor.patching.steering import shared_with_others

ONE, TWO = object(), object()
AREA = (8, 8, 0, 0)


def given(control: Any = None, **options: Any) -> dict[str, Any]:
    return {"control": control, "control_apply_to_uncond": True, **options}


def controls(positive: list[dict[str, Any]], negative: list[dict[str, Any]], name: str = "control") -> list[Any]:
    conds = {"positive": positive, "negative": negative}
    shared = shared_with_others(conds)
    assert shared["positive"] == positive
    assert [cond.get(name) for cond in negative] == [cond.get(name) for cond in conds["negative"]]
    return [cond.get(name) for cond in shared["negative"]]


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([given(ONE)], [{}], [ONE]),
        ([given(ONE)], [{}, {}], [ONE, None]),
        ([given(ONE), given(), given(TWO)], [{}, {}], [ONE, TWO]),
        ([given(ONE), given(TWO)], [{}], [TWO]),
        ([given(ONE)], [{}, given(TWO)], [None, TWO]),
        ([given(ONE)], [{"area": AREA}, {}], [None, ONE]),
        ([given(ONE)], [given(TWO, area=AREA), {}], [TWO, ONE]),
        ([given(ONE, area=AREA)], [{}], [None]),
        ([given(ONE, control_apply_to_uncond=False)], [{}], [None]),
        ([given(ONE)], [], []),
    ],
)
def test_those_over_the_whole_picture_are_steered_in_turn(
    positive: list[dict[str, Any]], negative: list[dict[str, Any]], expected: list[Any]
) -> None:
    assert controls(positive, negative) == expected


def test_boxes_are_shared_unasked() -> None:
    assert controls([{"gligen": ONE}], [{}], "gligen") == [ONE]
    assert controls([{"gligen": ONE}], [{"gligen": TWO}], "gligen") == [TWO]


def test_every_list_that_is_not_positive_is_steered() -> None:
    shared = shared_with_others({"middle": [{}], "positive": [given(ONE)], "negative": [{}]})
    assert [shared[name][0]["control"] for name in ("middle", "negative")] == [ONE, ONE]


def test_without_positive_ones_nothing_is() -> None:
    assert shared_with_others({"negative": [{}]}) == {"negative": [{}]}
