"""Statements of a `.sql` file, by name."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def read_queries(path: Path) -> dict[str, str]:
    """The statements of a file in which a line `-- name: NAME` precedes each one."""
    _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
