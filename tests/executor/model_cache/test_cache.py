"""The cache of models: what comes, what stays, what goes."""

from __future__ import annotations

import asyncio
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.errors import DataLoss, ResourceExhausted
from services.executor.engine.context import Interrupted
from services.executor.model_cache.cache import ModelCache
from services.executor.model_cache.download import Download
from services.executor.model_cache.folder import CacheFolder
from services.executor.model_cache.holds import Holds
from services.executor.model_cache.locks import FileLock
from tests.executor.model_cache.sources import Contents, digest_of

SIZE = 1000


def content(number: int) -> bytes:
    return bytes([number]) * SIZE


class Host:
    """Processes of one host, each with a cache object of its own over one folder."""

    def __init__(self, folder: Path, models: int) -> None:
        self.top = folder
        self.source = Contents(content(number) for number in range(10))
        self._bytes = models * SIZE

    def process(self, grace: float = 3600.0) -> ModelCache:
        return ModelCache(CacheFolder(self.top, self._bytes, reserve=0), Holds(grace))

    def fetch(self, download: Download, report: Callable[[int], None]) -> None:
        asyncio.run(download.run(self.source))
        report(download.done)

    def get(self, process: ModelCache, number: int, name: str = "model.safetensors") -> Path:
        return process.get(digest_of(content(number)), SIZE, name, self.fetch, lambda done: None)

    def here(self) -> set[int]:
        digests = {digest_of(content(number)): number for number in range(10)}
        return {digests[entry.name] for entry in (self.top / "entries").iterdir()}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, 3)


def test_a_model_comes_once(host: Host) -> None:
    first, second = host.process(), host.process()
    path = host.get(first, 1)
    assert (path.name, path.read_bytes()) == ("model.safetensors", content(1))
    assert host.get(first, 1) == host.get(second, 1) == path
    assert host.source.reads == [0]


def test_a_content_of_several_names_comes_once(host: Host) -> None:
    process = host.process()
    one, other = host.get(process, 1, "one.pt"), host.get(process, 1, "other.pt")
    assert (one.name, other.name) == ("one.pt", "other.pt")
    assert one.samefile(other)
    assert host.source.reads == [0]


def test_what_was_used_longest_ago_goes(host: Host) -> None:
    process = host.process(grace=-1.0)
    for age, number in ((30, 1), (20, 2), (10, 3)):
        host.get(process, number)
        process.release_unused()
        lock = host.top / "locks" / digest_of(content(number))
        os.utime(lock, (lock.stat().st_mtime - age,) * 2)
    host.get(process, 1)
    process.release_unused()
    host.get(process, 4)
    assert host.here() == {1, 3, 4}


def test_what_is_in_use_stays(host: Host) -> None:
    user, other = host.process(), host.process(grace=-1.0)
    host.get(user, 1)
    for number in (2, 3, 4, 5):
        host.get(other, number)
        other.release_unused()
    assert 1 in host.here()
    assert len(host.here()) == 3


def test_what_is_mapped_stays_and_goes_once_it_is_not(host: Host) -> None:
    process = host.process(grace=-1.0)
    with host.get(process, 1).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for number in (2, 3, 4):
        process.release_unused()
        host.get(process, number)
    assert 1 in host.here()
    mapped.close()
    process.release_unused()
    host.get(process, 5)
    assert 1 not in host.here()


def test_when_all_is_in_use_there_is_no_room(host: Host) -> None:
    process = host.process()
    for number in (1, 2, 3):
        host.get(process, number)
    with pytest.raises(ResourceExhausted, match="no room for model.safetensors .1,000 bytes.*--model-cache-gb"):
        host.get(process, 4)
    assert host.here() == {1, 2, 3}


def test_a_model_larger_than_the_cache_is_refused_at_once(tmp_path: Path) -> None:
    host = Host(tmp_path, 0)
    with pytest.raises(ResourceExhausted, match="more than the whole model cache"):
        host.get(host.process(), 1)
    assert host.source.reads == []


def test_a_damaged_model_is_never_seen(host: Host) -> None:
    host.source.contents[digest_of(content(1))] = content(2)
    with pytest.raises(DataLoss):
        host.get(host.process(), 1)
    assert host.here() == set()
    host.source.contents[digest_of(content(1))] = content(1)
    assert host.get(host.process(), 1).read_bytes() == content(1)


def test_a_run_that_is_interrupted_stops_waiting_for_others(host: Host) -> None:
    process = host.process()
    lock = FileLock.take(host.top / "locks" / digest_of(content(1)), alone=True)
    assert lock is not None

    def interrupt(done: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        process.get(digest_of(content(1)), SIZE, "m", host.fetch, interrupt)
    lock.release()
    assert host.get(host.process(), 1).read_bytes() == content(1)


def test_an_entry_that_was_removed_by_hand_comes_again(host: Host) -> None:
    process = host.process()
    path = host.get(process, 1)
    path.unlink()
    assert host.get(process, 1).read_bytes() == content(1)
    assert host.source.reads == [0, 0]


def test_what_a_dead_download_left_makes_room(host: Host) -> None:
    process = host.process()
    for number in (7, 8):
        part = CacheFolder(host.top, 3 * SIZE).part(digest_of(content(number)), SIZE)
        part.write_bytes(b"begun")
    for number in (1, 2, 3):
        host.get(process, number)
    assert list((host.top / "incoming").iterdir()) == []


def test_many_who_want_the_same_get_it_once(host: Host) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(host.get(host.process(), 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 8
    assert host.source.reads == [0]
