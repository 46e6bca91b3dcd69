"""Headers of safetensors files, good and bad."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.safetensors_header import (
    MAX_HEADER_BYTES,
    HeaderError,
    check_layout,
    data_bytes,
    header_length,
    parse_header,
)


def entry(dtype: str = "F16", shape: list[int] | None = None, begin: int = 0, end: int = 4) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [2] if shape is None else shape, "data_offsets": [begin, end]}


def parse(entries: Any, data: int = 0) -> Any:
    content = json.dumps(entries).encode()
    return parse_header(content, 8 + len(content) + data)


def test_a_header_tells_shapes_and_texts() -> None:
    header = parse({"__metadata__": {"a": "b"}, "x": entry()}, 4)
    assert (header.tensors["x"].shape, header.metadata, data_bytes(header)) == ((2,), {"a": "b"}, 4)
    check_layout(header)


@pytest.mark.parametrize(
    ("start", "size", "said"),
    [
        (b"", 0, "only 0 bytes"),
        (b"1234567", 7, "only 7 bytes"),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little"), 1 << 40, "claims a header of"),
        ((100).to_bytes(8, "little"), 20, "truncated: 20 bytes do not hold its header of 100"),
        (b"PK\x03\x04....", 100, "pickled"),
        (b"\x80\x02}q\x00...", 100, "pickled"),
        (b"<!DOCTYPE", 100, "web page"),
        (b"version https://git-lfs", 100, "Git LFS"),
    ],
)
def test_what_is_no_safetensors_file_is_called_what_it_is(start: bytes, size: int, said: str) -> None:
    with pytest.raises(HeaderError, match=said):
        header_length(start[:8], size)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xff", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"x": 1}', "malformed"),
        (b'{"x": {"dtype": "F32", "shape": [1]}}', "malformed"),
        (b'{"__metadata__": {"a": 1}}', "malformed"),
        (b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e30]}}', "malformed"),
        (b'{"x": ' + b"[" * 100_000, "JSON"),
    ],
)
def test_a_broken_header_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(HeaderError, match=said):
        parse_header(content, 8 + len(content))


def test_what_a_file_is_cut_by_is_said() -> None:
    with pytest.raises(HeaderError, match="last 3 bytes are missing"):
        parse({"x": entry()}, 1)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"x": entry("F99")}, "unknown type 'F99'"),
        ({"x": entry(shape=[3])}, "do not fit"),
        ({"x": entry(shape=[-1, -2])}, "do not fit"),
        ({"x": entry(), "y": entry(begin=6, end=10)}, "'y' begins at byte 6"),
        ({"x": entry(), "y": entry(begin=2, end=6)}, "'y' begins at byte 2"),
        ({"x": entry(begin=4, end=0)}, "do not fit"),
    ],
)
def test_tensors_that_do_not_follow_one_another_are_refused(entries: dict[str, Any], said: str) -> None:
    with pytest.raises(HeaderError, match=said):
        check_layout(parse(entries, 100))
