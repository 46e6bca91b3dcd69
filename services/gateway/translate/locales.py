"""`/i18n`: the translations of node packs, by language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

#: A language and what a pack has in it.
Locale = tuple[str, dict[str, Any]]

#: The file whose members are members of the language itself; those of the others have a member of their own.
_MAIN = "main.json"
_OTHERS = {"commands.json": "commands", "nodeDefs.json": "nodeDefs", "settings.json": "settings"}


def locale_of(path: str, document: bytes) -> Locale | None:
    """What a file such as "de/nodeDefs.json" holds; None for a file of another name.

    Raises:
        ValueError: it is not a JSON object.
    """
    language, _, filename = path.partition("/")
    if filename == _MAIN:
        return language, _members(document)
    if filename in _OTHERS:
        return language, {_OTHERS[filename]: _members(document)}
    return None


def merged(locales: Iterable[Locale]) -> dict[str, Any]:
    """All of them by language; where several say the same, the last one counts."""
    found: dict[str, Any] = {}
    for language, content in locales:
        _merge(found.setdefault(language, {}), content)
    return found


def _members(document: bytes) -> dict[str, Any]:
    return msgspec.json.decode(document, type=dict[str, Any])


def _merge(into: dict[str, Any], content: dict[str, Any]) -> None:
    pending = [(into, content)]
    while pending:
        target, source = pending.pop()
        for key, value in source.items():
            known = target.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                pending.append((known, value))
            else:
                target[key] = value
