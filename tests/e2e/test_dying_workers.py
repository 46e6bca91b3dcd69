"""A node that ends its process costs its own prompt, and the kernel takes a worker before anything else."""

from __future__ import annotations

import contextlib
import os
import resource
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.stack import Stack, wait_for
from tests.e2e.test_bad_nodes import assert_next_prompt_works, error_of, graph

BY_SYSTEM = "killed by signal 9 (as the system does when memory runs out)"


def worker(stack: Stack) -> psutil.Process:
    """The worker once it runs prompts."""
    assert_next_prompt_works(stack)
    return stack.worker()


def assert_lost(entry: dict[str, Any], how: str) -> None:
    error = error_of(entry)
    assert (error["node_id"], error["node_type"]) == ("2", "Misbehave")
    assert error["exception_type"] == "silverprint.WorkerLost"
    assert f": worker {how} while node 2 (Misbehave) ran)" in error["exception_message"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("exit with 2", "ended with exit code 2"),
        ("segfault", "killed by signal 11 (Segmentation fault)"),
        ("be killed", BY_SYSTEM),
        ("hang up", "ended with exit code 0"),
        ("speak out of turn", "killed (it does not speak our language)"),
    ],
)
def test_a_node_that_ends_its_worker_is_named_and_the_next_prompt_runs(fragile: Stack, how: str, told: str) -> None:
    before, agent = worker(fragile).pid, fragile.child("executor").pid
    assert_lost(fragile.finished(fragile.submit(graph(how))), told)
    assert_next_prompt_works(fragile)
    assert fragile.worker().pid != before
    assert fragile.child("executor").pid == agent


def test_the_system_is_offered_the_worker_before_all_others(fragile: Stack) -> None:
    ours = _badness(os.getpid())
    assert _badness(worker(fragile).pid) == max(500, ours)
    for service in ("queue", "files", "gateway", "executor"):
        assert _badness(fragile.child(service).pid) == ours


def test_memory_that_cannot_be_had_is_an_error_of_the_node_and_results_are_let_go(fragile: Stack) -> None:
    """With a limit of the process, where Python is told that there is none left."""
    process = worker(fragile)
    limit = process.memory_info().vms + (512 << 20)
    before = process.rlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    prompt_id = fragile.submit(graph("allocate"))
    error = error_of(fragile.finished(prompt_id))
    process.rlimit(resource.RLIMIT_AS, before or (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (error["node_id"], error["exception_type"]) == ("2", "MemoryError")
    fragile.line(f"prompt {prompt_id}: memory ran out, letting go of models and results")
    assert_next_prompt_works(fragile)
    assert fragile.worker().pid == process.pid


def test_the_kernels_memory_killer_takes_the_worker_alone(fragile: Stack) -> None:
    process = worker(fragile)
    others = {service: fragile.child(service).pid for service in ("queue", "files", "gateway", "executor")}
    with control_group(process.pid, process.memory_info().rss + (256 << 20)):
        assert_lost(fragile.finished(fragile.submit(graph("allocate"))), BY_SYSTEM)
    assert_next_prompt_works(fragile)
    assert {service: fragile.child(service).pid for service in others} == others


@contextmanager
def control_group(pid: int, limit: int) -> Iterator[None]:
    """Let a process have so many bytes of memory and no more."""
    top, setting = Path("/sys/fs/cgroup"), "memory.max"
    if (top / "memory" / "memory.limit_in_bytes").exists():  # version 1
        top, setting = top / "memory", "memory.limit_in_bytes"
    group = top / f"silverprint-{uuid.uuid4().hex}"
    try:
        group.mkdir()
        (group / setting).write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the end of the process in the group")
        group.rmdir()


def _badness(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
