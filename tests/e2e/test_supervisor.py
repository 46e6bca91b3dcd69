"""The supervisor: quick to answer, orderly to stop, nothing left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.stack import Stack, running, wait_for


def descendants(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_with_exit_code_0(signal_number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        stack.worker()
        everything = descendants(stack)
        assert len(everything) >= 5
        stack.process.send_signal(signal_number)
        assert stack.process.wait(5) == 0
        assert gone(everything)


def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        stack.worker()
        everything = descendants(stack)
        stack.process.kill()
        wait_for(lambda: gone(everything), "the end of every process")


def test_the_gateway_answers_before_torch_is_loaded(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        assert stack.get("/health")["live"]
        assert stack.get("/object_info/EmptyImage"), "which waits for the worker"
        ready = stack.line("Silverprint is ready")
        loaded = stack.line("node classes are known")
        assert ready < loaded


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack that is whole again after each of its services was killed."""
    with running(tmp_path_factory.mktemp("mended")) as stack:
        yield stack


@pytest.mark.parametrize("service", ["queue", "files", "executor", "gateway"])
def test_a_killed_service_is_started_again_and_work_goes_on(service: str, mended: Stack) -> None:
    graph: dict[str, Any] = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    first = mended.submit(graph)
    mended.finished(first)
    killed = mended.child(service).pid
    mended.child(service).kill()
    wait_for(lambda: mended.child(service).pid != killed, f"another {service}")
    wait_for(lambda: answers(mended), "the gateway's answer")
    graph["1"]["inputs"]["color"] = 7
    entry = mended.finished(mended.submit(graph))
    assert entry["status"]["status_str"] == "success"
    assert mended.get(f"/history/{first}")[first]["status"]["status_str"] == "success"


def answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/queue", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.1)
        return False


def test_services_without_torch_stay_light(stack: Stack) -> None:
    for service in ("queue", "files", "gateway"):
        megabytes = stack.child(service).memory_info().rss / 2**20
        assert megabytes < 150, f"{service} takes {megabytes:.0f} MB"
