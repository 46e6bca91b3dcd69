"""Memory that ran out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from services.executor.engine.failure import failure_of
from services.executor.memory.out_of_memory import be_ended_first, says_out_of_memory
from services.graph.events import ExecutionFailed
from services.graph.model import Node


def failure(error: BaseException) -> ExecutionFailed:
    return failure_of(Node("1", "KSampler", {}), error, {}, ())


def too_much() -> BaseException:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        too_much(),
    ],
)
def test_a_failure_for_want_of_memory_is_told_from_its_text(error: BaseException) -> None:
    assert says_out_of_memory(failure(error))


@pytest.mark.parametrize("error", [ValueError("out of memory"), RuntimeError("shapes differ"), KeyError("memory")])
def test_other_failures_are_not(error: BaseException) -> None:
    assert not says_out_of_memory(failure(error))


@pytest.mark.parametrize(("before", "after"), [("0\n", "500"), ("-900\n", "500"), ("800\n", "800")])
def test_a_process_offers_itself_before_others_and_never_takes_that_back(
    before: str, after: str, tmp_path: Path
) -> None:
    score = tmp_path / "oom_score_adj"
    score.write_text(before)
    be_ended_first(score)
    assert score.read_text() == after


def test_where_it_cannot_be_said_nothing_is(tmp_path: Path) -> None:
    be_ended_first(tmp_path / "absent" / "oom_score_adj")
