"""What node classes take and give, read from the catalogue that executors publish."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from services.errors import InvalidArgument


class InputDefinition(msgspec.Struct, frozen=True):
    """One declared input.

    `type` is a name such as "IMAGE", several joined by commas, "*" for any, or the list of what may be chosen.
    """

    name: str
    type: Any
    options: Mapping[str, Any]
    required: bool

    @property
    def config(self) -> list[Any]:
        """The declaration as errors quote it."""
        return [self.type, dict(self.options)]

    @property
    def choices(self) -> list[Any] | None:
        """What may be chosen, or None for an input that is no choice or whose choices only frontends know."""
        choices = self.options.get("options") if self.type == "COMBO" else self.type
        return choices if isinstance(choices, list) else None

    @property
    def upload(self) -> str:
        """The option by which front ends upload files for it, `image_upload` or its like; empty for none."""
        flags = (str(name) for name, value in self.options.items() if value is True)
        return next((flag for flag in flags if flag.endswith("_upload")), "")


class OwnChecks(msgspec.Struct, frozen=True):
    """What a class with VALIDATE_INPUTS checks itself."""

    arguments: frozenset[str]
    #: it takes every input (`**kwargs`)
    any: bool

    def covers(self, input_name: str) -> bool:
        """Whether the class judges this input's value, so that lists and limits do not apply."""
        return self.any or input_name in self.arguments

    @property
    def covers_types(self) -> bool:
        """Whether the class judges the types of what is linked to it."""
        return "input_types" in self.arguments


class OwnTypes(msgspec.Struct, frozen=True):
    """What fits types that node packs made and that decide for themselves, as names of types."""

    #: what such an input takes, by its name
    inputs: Mapping[str, frozenset[str]]
    #: what such an output fits, by its slot
    outputs: Mapping[int, frozenset[str]]


NO_OWN_TYPES = OwnTypes({}, {})
NO_OWN_CHECKS = OwnChecks(frozenset(), False)


class NodeDefinition(msgspec.Struct, frozen=True):
    """One node class; `inputs` has the required ones first, each group in the order of declaration."""

    class_type: str
    inputs: Mapping[str, InputDefinition]
    #: hidden input to what it wants, such as "PROMPT"
    hidden: Mapping[str, str]
    #: names of types, or lists of choices
    outputs: tuple[Any, ...]
    is_output: bool
    own_checks: OwnChecks
    own_types: OwnTypes = NO_OWN_TYPES
    #: the same inputs give the same result, as long as the files that they name are the same
    is_repeatable: bool = True
    #: inputs that name files
    file_inputs: tuple[str, ...] = ()

    @property
    def checks_itself(self) -> bool:
        """Whether its class must be asked about a node's inputs."""
        return self.own_checks.any or bool(self.own_checks.arguments)

    @classmethod
    def from_json(cls, class_type: str, raw: Mapping[str, Any]) -> NodeDefinition:
        """Read an entry of ComfyUI's `/object_info`, plus the key "validation" of classes that check
        inputs or types in ways of their own, or whose required inputs may be missing all the same, and the key
        "changes" of classes whose results change: true, or with the files that the inputs of a list name."""
        declared = raw.get("input") or {}
        checks = raw.get("validation")
        inputs = read_inputs(declared)
        changes = raw.get("changes") or []
        for name in checks.get("absent", ()) if checks else ():
            inputs[name] = msgspec.structs.replace(inputs[name], required=False)
        return cls(
            class_type=class_type,
            inputs=inputs,
            hidden=dict(declared.get("hidden") or {}),
            outputs=tuple(raw.get("output") or ()),
            is_output=bool(raw.get("output_node")),
            own_checks=OwnChecks(frozenset(checks["arguments"]), bool(checks["any"])) if checks else NO_OWN_CHECKS,
            own_types=_own_types(checks["types"]) if checks and "types" in checks else NO_OWN_TYPES,
            is_repeatable=changes is not True,
            file_inputs=file_inputs(inputs.values(), changes),
        )


def _own_types(raw: Mapping[str, Any]) -> OwnTypes:
    return OwnTypes(
        {name: frozenset(names) for name, names in (raw.get("inputs") or {}).items()},
        {int(slot): frozenset(names) for slot, names in (raw.get("outputs") or {}).items()},
    )


def file_inputs(inputs: Iterable[InputDefinition], changes: Any) -> tuple[str, ...]:
    """The inputs that name files: those that front ends upload files for, and those that the class says to."""
    uploads = [declared.name for declared in inputs if declared.upload]
    return tuple(dict.fromkeys([*uploads, *(changes if isinstance(changes, list) else ())]))


def read_inputs(declared: Mapping[str, Any]) -> dict[str, InputDefinition]:
    """The inputs of an INPUT_TYPES value: {"required": {name: (type, options)}, "optional": ...}."""
    return {
        name: read_input(name, config, required=group == "required")
        for group in ("required", "optional")
        for name, config in (declared.get(group) or {}).items()
    }


def read_input(name: str, config: Any, *, required: bool) -> InputDefinition:
    """One input of an INPUT_TYPES value: (type,) or (type, options)."""
    return InputDefinition(name, *_type_and_options(config), required=required)


def _type_and_options(config: Any) -> tuple[Any, Mapping[str, Any]]:
    if not isinstance(config, list | tuple) or not config:
        return config, {}
    kind = list(config[0]) if isinstance(config[0], tuple) else config[0]
    options = config[1] if len(config) > 1 else None
    return kind, options if isinstance(options, Mapping) else {}


class Catalogue:
    """The node classes that can be run, by name."""

    def __init__(self, definitions: Mapping[str, NodeDefinition]) -> None:
        self._definitions = definitions

    @classmethod
    def from_json(cls, definitions_json: bytes) -> Catalogue:
        """Read the JSON that executors publish.

        Raises:
            InvalidArgument: it is not a JSON object of node definitions; names the class that cannot be read.
        """
        try:
            raw = json.loads(definitions_json)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"the node catalogue is not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise InvalidArgument("the node catalogue is not a JSON object of node definitions")
        return cls({class_type: _definition(class_type, entry) for class_type, entry in raw.items()})

    def get(self, class_type: str) -> NodeDefinition | None:
        """The definition, or None for a class that nobody has."""
        return self._definitions.get(class_type)

    def __getitem__(self, class_type: str) -> NodeDefinition:
        return self._definitions[class_type]

    def __contains__(self, class_type: object) -> bool:
        return class_type in self._definitions

    def __len__(self) -> int:
        return len(self._definitions)


def _definition(class_type: str, entry: Any) -> NodeDefinition:
    try:
        return NodeDefinition.from_json(class_type, entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"the definition of node class {class_type} cannot be read: {error}") from error
