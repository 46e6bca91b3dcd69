"""Finding digests of models while nothing runs."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import NotFound
from services.executor.model_digests import ModelDigests
from services.files.records import FileInfo, FileKind, FileName

PATIENCE = 20.0  # seconds

CONTENT = b"weights" * 1000
DIGEST = blake3(CONTENT).hexdigest()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "a.safetensors"
    path.write_bytes(CONTENT)
    return path


def nobody(folder: str, name: str) -> FileInfo | None:
    raise NotFound("there is no such model")


def found(digests: ModelDigests, path: Path) -> str:
    """The digest of a model, once it is known."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        described = digests.describe("loras", path.name, path)
        assert described
        if described.blake3:
            return described.blake3
        time.sleep(0.005)
    raise AssertionError("the digest was never found")


def test_a_model_is_hashed_and_its_digest_kept_for_the_next_worker(model: Path, tmp_path: Path) -> None:
    kept = tmp_path / "digests.json"
    digests = ModelDigests(nobody, kept)
    digests.start()
    first = digests.describe("loras", model.name, model)
    assert first and (first.folder, first.name, first.size, first.blake3) == ("loras", model.name, len(CONTENT), "")
    assert found(digests, model) == DIGEST
    deadline = time.monotonic() + PATIENCE
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    after = ModelDigests(nobody, kept)
    after.start()
    told = after.describe("loras", model.name, model)
    assert told and told.blake3 == DIGEST


def test_a_file_that_changed_is_hashed_anew_and_one_that_is_gone_is_not_told(model: Path) -> None:
    digests = ModelDigests(nobody)
    digests.start()
    assert found(digests, model) == DIGEST
    model.write_bytes(b"other")
    os.utime(model, (1.5, 1.5))
    assert found(digests, model) == blake3(b"other").hexdigest()
    model.unlink()
    assert digests.describe("loras", model.name, model) is None


def test_nothing_is_hashed_while_a_prompt_runs(model: Path) -> None:
    asked = threading.Event()

    def ask(folder: str, name: str) -> None:
        asked.set()

    digests = ModelDigests(ask)
    digests.start()
    digests.pause()
    digests.describe("loras", model.name, model)
    assert not asked.wait(0.2)
    digests.resume()
    assert asked.wait(PATIENCE)
    assert found(digests, model) == DIGEST


def test_what_the_file_service_knows_of_the_same_file_is_taken(model: Path) -> None:
    status = model.stat()
    name = FileName(FileKind.MODELS, "loras", model.name)
    known = ModelDigests(lambda folder, name_: FileInfo(name, status.st_size, "told", status.st_mtime_ns / 1e9))
    known.start()
    assert found(known, model) == "told"
    another = ModelDigests(lambda folder, name_: FileInfo(name, status.st_size, "told", status.st_mtime + 5))
    another.start()
    assert found(another, model) == DIGEST
