"""Which outputs may be linked to which inputs."""

from __future__ import annotations

from typing import Any

ANY = "*"

#: The type of places that share a template: whatever one of them is linked to.
MATCHING = "COMFY_MATCHTYPE_V3"
CHOICE = "COMBO"


def accepts(declared: Any, received: Any) -> bool:
    """Whether an input of type `declared` takes an output of type `received`.

    Types are names, several of them joined by commas ("IMAGE,MASK" takes either), "*" for any, or a list of choices.
    The comparison is `received != declared`, since node packs make types of their own by overriding that.
    """
    if received != declared and not any(one in (received, declared) for one in (ANY, MATCHING)):
        return _overlap(declared, received)
    return True


def _overlap(declared: Any, received: Any) -> bool:
    if isinstance(received, str) and isinstance(declared, str):
        return not _names(received).isdisjoint(_names(declared))
    return CHOICE in (received, declared) and (isinstance(received, list) or isinstance(declared, list))


def _names(types: str) -> set[str]:
    return {name.strip() for name in types.split(",")}
