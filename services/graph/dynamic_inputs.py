"""Inputs that stand for others, of which how many or which there are depends on what a node was given.

A node has them under the name of the one that stands for them, a dot and their own: `images.image0`, `mode.strength`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from services.graph.coercion import unwrap
from services.graph.definitions import InputDefinition, read_inputs

#: As many as are linked, each as the template says.
GROWING = "COMFY_AUTOGROW_V3"
#: Those of the option that is chosen.
CHOOSING = "COMFY_DYNAMICCOMBO_V3"

#: Of one growing input, as in ComfyUI.
MOST_SLOTS = 100


_KINDS = frozenset({GROWING, CHOOSING})


def stands_for_others(declared: InputDefinition) -> bool:
    """Whether the input is one of these."""
    return type(declared.type) is str and declared.type in _KINDS  # lists of choices and types of packs are neither


def expanded(inputs: Mapping[str, InputDefinition], given: Mapping[str, Any]) -> Mapping[str, InputDefinition]:
    """The inputs with those that others stand for in their places; `given` is what a node has for them."""
    if not any(map(stands_for_others, inputs.values())):
        return inputs
    return {found.name: found for declared in inputs.values() for found in _of(declared, given)}


def find(
    name: str, lookup: Callable[[str], InputDefinition | None], given: Mapping[str, Any]
) -> InputDefinition | None:
    """The input that another stands for, by its whole name; `lookup` finds those that are declared."""
    parent = lookup(name.partition(".")[0])
    return None if parent is None else expanded({parent.name: parent}, given).get(name)


def _of(declared: InputDefinition, given: Mapping[str, Any]) -> Iterable[InputDefinition]:
    if not stands_for_others(declared):
        return [declared]
    try:
        return list(_slots(declared) if declared.type == GROWING else _chosen(declared, given))
    except (AttributeError, KeyError, TypeError, ValueError):  # not declared as ComfyUI does: taken for what it is
        return [declared]


def _slots(declared: InputDefinition) -> Iterator[InputDefinition]:
    template = declared.options["template"]
    (slot,) = read_inputs(template["input"]).values()
    names = template.get("names") or [f"{template['prefix']}{index}" for index in range(_most(template))]
    least = int(template.get("min", 0)) if declared.required else 0
    for index, name in enumerate(names[:MOST_SLOTS]):
        yield InputDefinition(f"{declared.name}.{name}", slot.type, slot.options, required=index < least)


def _most(template: Mapping[str, Any]) -> int:
    return min(int(template.get("max", MOST_SLOTS)), MOST_SLOTS)


def _chosen(declared: InputDefinition, given: Mapping[str, Any]) -> Iterator[InputDefinition]:
    options = {option["key"]: option for option in declared.options["options"]}
    yield InputDefinition(declared.name, "COMBO", {**declared.options, "options": list(options)}, declared.required)
    choice = unwrap(given.get(declared.name))
    if not isinstance(choice, str) or choice not in options:
        return
    for own in read_inputs(options[choice]["inputs"]).values():
        required = own.required and declared.required
        yield from _of(InputDefinition(f"{declared.name}.{own.name}", own.type, own.options, required), given)
