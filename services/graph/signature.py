"""What makes two nodes give the same result: their class, their inputs, and the same of all their ancestors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.graph.model import Link

#: Identifies a result; equal for nodes that give the same, whatever their ids.
Signature = bytes

_DIGEST_BYTES = 16


def node_signature(
    class_type: str,
    inputs: Mapping[str, Any],
    sources: Mapping[str, Signature | None],
    *,
    fingerprint: Any = None,
    file_space: str = "",
    only_as: str = "",
) -> Signature | None:
    """The signature of a node whose sources' signatures are known; costs one hash, whatever the number of ancestors.

    `fingerprint` is what the class says has changed (IS_CHANGED), `file_space` whose files it may read and write, and
    `only_as` the id of a node that shares its results with no other. None when some part equals nothing, not even
    itself (NaN, or an object that is no JSON): the result can never be reused.
    """
    parts = [_encode(class_type), _encode(fingerprint), _encode(file_space), _encode(only_as)]
    for name in sorted(inputs):
        value = inputs[name]
        parts.append(_encode(name))
        parts.append(_encode_link(value, sources) if isinstance(value, Link) else _encode(value))
    whole = _joined(b"N", parts)
    return None if whole is None else hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).digest()


def _encode_link(link: Link, sources: Mapping[str, Signature | None]) -> bytes | None:
    source = sources.get(link.node_id)
    return None if source is None else _framed(b"L", source + str(link.slot).encode())


def _encode(value: Any) -> bytes | None:
    """Bytes that are equal for equal values of one type, and for no others."""
    if value is None:
        return b"n"
    encoder = _ENCODERS.get(type(value))
    return None if encoder is None else encoder(value)


def _encode_float(value: float) -> bytes | None:
    return None if math.isnan(value) else _framed(b"d", value.hex().encode())


def _encode_mapping(value: Mapping[Any, Any]) -> bytes | None:
    items = [_joined(b"m", [_encode(key), _encode(item)]) for key, item in value.items()]
    return None if None in items else _joined(b"M", sorted(item for item in items if item is not None))


def _encode_set(value: Iterable[Any]) -> bytes | None:
    items = [_encode(item) for item in value]
    return None if None in items else _joined(b"S", sorted(item for item in items if item is not None))


def _encode_sequence(value: Iterable[Any]) -> bytes | None:
    return _joined(b"l", [_encode(item) for item in value])


def _joined(kind: bytes, parts: Iterable[bytes | None]) -> bytes | None:
    known: list[bytes] = []
    for part in parts:
        if part is None:
            return None
        known.append(part)
    return _framed(kind, b"".join(known))


def _framed(kind: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (kind, len(content), content)


_ENCODERS: dict[type, Callable[[Any], bytes | None]] = {
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: _framed(b"i", b"%x" % value),
    float: _encode_float,
    str: lambda value: _framed(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _framed(b"b", value),
    dict: _encode_mapping,
    set: _encode_set,
    frozenset: _encode_set,
    list: _encode_sequence,
    tuple: _encode_sequence,
}
