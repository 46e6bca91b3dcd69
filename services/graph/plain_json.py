"""JSON that every client can read, of values that JSON has no words for."""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: Escapes in ASCII JSON: a pair of surrogates, one without the other, any other.
_ESCAPES = re.compile(r"\\ud[89ab]..\\ud[c-f]..|(\\ud[89a-f]..)|\\.")


def dump(value: Any) -> bytes:
    """Encode as ASCII JSON; NaN and infinities become null, what is not JSON becomes its `str()`.

    Lone surrogates, which strict readers refuse, become U+FFFD. Integers of any size are written out in
    full, keys keep their order.
    """
    try:
        text = json.dumps(value, allow_nan=False, default=str)
    except (ValueError, TypeError):
        text = json.dumps(_finite(value), allow_nan=False, default=str)
    if "\\ud" in text:
        text = _ESCAPES.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
    return text.encode("ascii")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
