"""What is kept of compressed files."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

from services.gateway.web_ui.compressed import Compressed


async def test_a_file_is_compressed_once_for_each_version(tmp_path: Path) -> None:
    file, kept = tmp_path / "a.js", Compressed()
    file.write_bytes(b"one" * 1000)
    first = await kept.file(file, "1")
    file.write_bytes(b"two" * 1000)
    assert await kept.file(file, "1") is first
    assert gzip.decompress(first) == b"one" * 1000
    assert gzip.decompress(await kept.file(file, "2")) == b"two" * 1000


async def test_files_that_were_not_asked_for_lately_are_forgotten(tmp_path: Path) -> None:
    kept = Compressed(max_bytes=2500)
    for name in "abc":
        (tmp_path / name).write_bytes(random.Random(name).randbytes(1000))
    a, b = [await kept.file(tmp_path / name, "1") for name in "ab"]
    assert await kept.file(tmp_path / "a", "1") is a
    await kept.file(tmp_path / "c", "1")
    assert await kept.file(tmp_path / "a", "1") is a
    assert await kept.file(tmp_path / "b", "1") is not b
