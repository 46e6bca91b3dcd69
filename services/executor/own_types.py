"""Types of node packs that decide themselves what they fit, by overriding `!=`: told to the queue as lists of names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from services.graph.compatibility import CHOICE, accepts


def type_names(nodes: Iterable[Any]) -> list[str]:
    """The names of all types that these classes take or give, in alphabetical order."""
    names = {CHOICE}
    for node in nodes:
        try:
            found = [*_input_types(node).values(), *node.RETURN_TYPES]
        except Exception:  # one whose definition cannot be made is left out of the catalogue, which says so
            continue
        names.update(str.__str__(name) for name in found if isinstance(name, str))
    return sorted(names)


def own_types(node: Any, names: Collection[str]) -> dict[str, Any]:
    """Which of the types `names` an input takes ("inputs": by name) or an output fits ("outputs": by slot), where the
    type says something else than its name does; empty when none does."""
    inputs = {name: _judged(own, names, given=False) for name, own in _input_types(node).items() if _decides(own)}
    outputs = {
        str(slot): _judged(own, names, given=True) for slot, own in enumerate(node.RETURN_TYPES) if _decides(own)
    }
    rules = {"inputs": _told(inputs), "outputs": _told(outputs)}
    return {group: found for group, found in rules.items() if found}


def _input_types(node: Any) -> dict[str, Any]:
    declared = node.INPUT_TYPES()
    return {
        name: config[0]
        for group in ("required", "optional")
        for name, config in (declared.get(group) or {}).items()
        if isinstance(config, list | tuple) and config
    }


def _decides(kind: Any) -> bool:
    return isinstance(kind, str) and type(kind).__ne__ is not str.__ne__


def _judged(own: str, names: Collection[str], *, given: bool) -> list[str] | None:
    """The types that fit; None when the name alone says the same."""
    plain = str.__str__(own)
    fitting = [name for name in names if _fits(own, name, given=given)]
    return None if fitting == [name for name in names if _fits(plain, name, given=given)] else fitting


def _fits(own: str, name: str, *, given: bool) -> bool:
    other: Any = [] if name == CHOICE else name
    return accepts(other, own) if given else accepts(own, other)


def _told(judged: Mapping[str, list[str] | None]) -> dict[str, list[str]]:
    return {key: fitting for key, fitting in judged.items() if fitting is not None}
