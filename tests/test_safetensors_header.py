"""Headers of safetensors files, good and bad."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (b'{"x": {"dtype": "F4", "shape": [%s1], "data_offsets": [0, 0]}}' % (b"9999999999," * 64), "malformed"),
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


_SIZES = st.integers(-2, 1 << 64) | st.floats() | st.none()
_ENTRIES = st.dictionaries(
    st.sampled_from(["a", "b", "__metadata__"]) | st.text(max_size=3),
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F4", "x"]) | st.integers(),
            "shape": st.lists(_SIZES, max_size=4) | st.text(max_size=2),
            "data_offsets": st.lists(_SIZES, max_size=3),
        }
    )
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    max_size=4,
)


@given(st.binary(max_size=200) | _ENTRIES.map(lambda entries: json.dumps(entries).encode()), st.integers(0, 400))
def test_whatever_a_header_says_it_is_read_or_refused(content: bytes, data: int) -> None:
    size = 8 + len(content) + data
    try:
        header_length(len(content).to_bytes(8, "little"), size)
        header = parse_header(content, size)
        check_layout(header)
    except HeaderError as error:
        assert str(error).startswith("is ")
    else:
        assert data_bytes(header) <= data
