"""Contents as streams of chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.files.chunks import one_chunk, rechunked


@given(st.lists(st.binary(max_size=20)), st.integers(1, 10))
async def test_rechunking_keeps_the_content_and_sets_the_size(parts: list[bytes], size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    out = [chunk async for chunk in rechunked(chunks(), size)]
    assert b"".join(out) == b"".join(parts)
    assert all(len(chunk) == size for chunk in out[:-1])
    assert all(0 < len(chunk) <= size for chunk in out)


@pytest.mark.parametrize("content", [b"", b"a"])
async def test_a_content_in_memory_is_one_chunk(content: bytes) -> None:
    assert [chunk async for chunk in one_chunk(content)] == [content]
