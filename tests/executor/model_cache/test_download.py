"""Contents on their way into the cache."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.errors import DataLoss, NotFound, Unavailable
from services.executor.model_cache.download import Download
from tests.executor.model_cache.sources import CHUNK, Contents, digest_of

CONTENT = bytes(range(256)) * 2000
DIGEST = digest_of(CONTENT)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part"
    path.touch()
    return path


def bring(download: Download, source: Contents) -> None:
    asyncio.run(download.run(source))


def test_a_content_comes_whole(part: Path) -> None:
    download = Download(DIGEST, len(CONTENT), part)
    bring(download, Contents([CONTENT]))
    assert (part.read_bytes(), download.done) == (CONTENT, len(CONTENT))


def test_an_empty_content_needs_nothing(part: Path) -> None:
    bring(Download(digest_of(b""), 0, part), Contents())


def test_a_lost_connection_is_picked_up_where_it_broke(part: Path) -> None:
    source = Contents([CONTENT])
    source.cuts = [2 * CHUNK, CHUNK]
    bring(Download(DIGEST, len(CONTENT), part), source)
    assert part.read_bytes() == CONTENT
    assert source.reads == [0, 2 * CHUNK, 3 * CHUNK]


def test_what_an_earlier_try_brought_is_not_brought_again(part: Path) -> None:
    part.write_bytes(CONTENT[:12345])
    source = Contents([CONTENT])
    bring(Download(DIGEST, len(CONTENT), part), source)
    assert part.read_bytes() == CONTENT
    assert source.reads == [12345]


@pytest.mark.parametrize("left", [b"damaged", CONTENT + b"more"])
def test_what_an_earlier_try_damaged_is_brought_anew(part: Path, left: bytes) -> None:
    part.write_bytes(left)
    source = Contents([CONTENT])
    bring(Download(DIGEST, len(CONTENT), part), source)
    assert part.read_bytes() == CONTENT
    assert source.reads[-1] == 0


@pytest.mark.parametrize("sent", [CONTENT[:-1] + b"x", CONTENT[:-1], CONTENT + b"x", b""])
def test_what_is_not_the_content_is_refused_and_not_kept(part: Path, sent: bytes) -> None:
    source = Contents()
    source.contents[DIGEST] = sent
    with pytest.raises(DataLoss):
        bring(Download(DIGEST, len(CONTENT), part), source)
    assert part.read_bytes() == b""


def test_a_service_that_stays_away_is_given_up(part: Path) -> None:
    source = Contents([CONTENT])
    source.cuts = [CHUNK] + [0] * 10_000
    with pytest.raises(Unavailable):
        bring(Download(DIGEST, len(CONTENT), part, patience=0.0), source)
    assert part.read_bytes() == CONTENT[:CHUNK]


def test_a_content_that_is_gone_is_said_to_be(part: Path) -> None:
    with pytest.raises(NotFound):
        bring(Download(DIGEST, len(CONTENT), part), Contents())


def test_a_download_that_is_cancelled_leaves_what_came(part: Path) -> None:
    async def cancel_in_the_middle() -> None:
        source, reached = Contents([CONTENT]), asyncio.Event()
        source.before_chunk = lambda position: reached.set() if position >= 2 * CHUNK else None
        running = asyncio.create_task(Download(DIGEST, len(CONTENT), part).run(source))
        await reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel_in_the_middle())
    assert CONTENT.startswith(part.read_bytes())
    assert part.stat().st_size >= 2 * CHUNK
