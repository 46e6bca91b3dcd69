"""Catalogues of several executors as one: all classes, and of a class that several have, all that may be chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Definitions = dict[str, Any]


def joined(catalogues: Iterable[Definitions]) -> Definitions:
    """All classes; the last catalogue that has a class defines it.

    Executors may have different models, so choices of the same input are joined: those of the last catalogue come
    first. Which executor is able to run what is held against its own catalogue, see `services.queue.placements`.
    """
    classes: Definitions = {}
    for catalogue in catalogues:
        for name, definition in catalogue.items():
            classes[name] = _with_choices(definition, classes[name]) if name in classes else definition
    return classes


def _with_choices(definition: Any, other: Any) -> Any:
    """A definition with the choices of another one of the same class as well."""
    inputs, others = _inputs(definition), _inputs(other)
    joined_inputs = {
        group: {name: _joined_input(config, others.get(group, {}).get(name)) for name, config in members.items()}
        for group, members in inputs.items()
    }
    return definition if joined_inputs == inputs else {**definition, "input": {**definition["input"], **joined_inputs}}


def _inputs(definition: Any) -> dict[str, Mapping[str, Any]]:
    declared = definition.get("input") if isinstance(definition, Mapping) else None
    if not isinstance(declared, Mapping):
        return {}
    return {group: declared[group] for group in ("required", "optional") if isinstance(declared.get(group), Mapping)}


def _joined_input(config: Any, other: Any) -> Any:
    """An input as it is declared: [choices, options] or ["COMBO", {"options": choices}]."""
    if not (isinstance(config, list) and isinstance(other, list) and config and other):
        return config
    kind, other_kind = config[0], other[0]
    if isinstance(kind, list) and isinstance(other_kind, list):
        return [_joined_choices(kind, other_kind), *config[1:]]
    if kind == other_kind == "COMBO":
        options, other_options = (_options(config), _options(other))
        choices, other_choices = options.get("options"), other_options.get("options")
        if isinstance(choices, list) and isinstance(other_choices, list):
            return ["COMBO", {**options, "options": _joined_choices(choices, other_choices)}, *config[2:]]
    return config


def _options(config: list[Any]) -> dict[str, Any]:
    return config[1] if len(config) > 1 and isinstance(config[1], dict) else {}


def _joined_choices(choices: list[Any], others: list[Any]) -> list[Any]:
    names = {choice for choice in choices if isinstance(choice, str)}
    rest = [choice for choice in choices if not isinstance(choice, str)]
    return choices + [other for other in others if other not in (names if isinstance(other, str) else rest)]
