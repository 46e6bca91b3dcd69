"""Classes of what cannot be loaded yet, so that packs can ask whether something is one of them."""

from __future__ import annotations

from typing import Any


def later(names: tuple[str, ...], base: type = object) -> dict[str, Any]:
    """Classes by their names."""
    return {name: type(name, (base,), {"__doc__": "What cannot be loaded yet."}) for name in names}
