"""Nodes that combine conditionings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from services.executor.nodes.conditioning_arithmetic import (
    ConditioningAverage,
    ConditioningCombine,
    ConditioningConcat,
    ConditioningZeroOut,
)


def entry(*tokens: float, pooled: float | None = None, **options: Any) -> list[Any]:
    """An embedding whose tokens have two equal values each."""
    embedding = torch.tensor(tokens).reshape(1, -1, 1).expand(1, len(tokens), 2)
    return [embedding, options | ({} if pooled is None else {"pooled_output": torch.tensor([[pooled]])})]


def tokens_of(entry: Sequence[Any]) -> list[float]:
    return entry[0][0, :, 0].tolist()  # type: ignore[no-any-return]


def test_combining_lists_the_entries_of_both() -> None:
    first, second = [entry(1.0)], [entry(2.0), entry(3.0)]
    (combined,) = ConditioningCombine().combine(first, second)
    assert [one[0].flatten()[0] for one in combined] == [1.0, 2.0, 3.0]
    assert len(first) == 1


def test_concatenation_puts_tokens_after_those_of_every_entry() -> None:
    (joined,) = ConditioningConcat().concat([entry(1.0, pooled=5.0), entry(2.0, strength=0.5)], [entry(8.0, 9.0)])
    assert [tokens_of(one) for one in joined] == [[1, 8, 9], [2, 8, 9]]
    assert joined[0][1]["pooled_output"].item() == 5.0
    assert joined[1][1] == {"strength": 0.5}


def test_only_the_first_entry_is_concatenated_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        (joined,) = ConditioningConcat().concat([entry(1.0)], [entry(2.0), entry(3.0)])
    assert tokens_of(joined[0]) == [1, 2]
    assert "2 entries" in caplog.text


@pytest.mark.parametrize(
    ("other", "mixed"),
    [((5.0, 9.0), [2.0, 3.75]), ((5.0,), [2.0, 1.5]), ((5.0, 9.0, 7.0), [2.0, 3.75])],
)
def test_an_average_has_as_many_tokens_as_the_first(other: tuple[float, ...], mixed: list[float]) -> None:
    (average,) = ConditioningAverage().addWeighted([entry(1.0, 2.0)], [entry(*other)], 0.75)
    assert tokens_of(average[0]) == mixed


@pytest.mark.parametrize(("own", "other", "mixed"), [(1.0, 5.0, 2.0), (None, 5.0, 5.0), (1.0, None, 1.0)])
def test_pooled_outputs_are_averaged_where_both_have_one(own: float | None, other: float | None, mixed: float) -> None:
    (average,) = ConditioningAverage().addWeighted([entry(1.0, pooled=own)], [entry(1.0, pooled=other)], 0.75)
    assert average[0][1]["pooled_output"].item() == mixed


@pytest.mark.parametrize(
    "combine", [ConditioningConcat().concat, lambda a, b: ConditioningAverage().addWeighted(a, b, 1)]
)
def test_a_conditioning_that_is_empty_or_of_another_model_is_named(combine: Any) -> None:
    with pytest.raises(ValueError, match="conditioning_from: the conditioning is empty"):
        combine([entry(1.0)], [])
    with pytest.raises(ValueError, match="conditioning_from: its tokens have 3 values and those of conditioning_to 2"):
        combine([entry(1.0)], [[torch.zeros(1, 1, 3), {}]])


def test_zeroing_out_keeps_everything_but_the_text() -> None:
    given = [entry(1.0, 2.0, pooled=3.0, strength=0.5)]
    (emptied,) = ConditioningZeroOut().zero_out(given)
    assert tokens_of(emptied[0]) == [0, 0]
    assert emptied[0][1]["pooled_output"].item() == 0.0
    assert emptied[0][1]["strength"] == 0.5
    assert given[0][1]["pooled_output"].item() == 3.0


def test_a_conditioning_without_pooled_output_can_be_zeroed_out() -> None:
    (emptied,) = ConditioningZeroOut().zero_out([entry(1.0), [torch.ones(1, 1, 2), {"pooled_output": None}]])
    assert [options for _, options in emptied] == [{}, {"pooled_output": None}]
