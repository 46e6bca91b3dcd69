"""Inputs whose type, number or kind depends on what a node is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.executor.custom.v3 import inputs
from services.executor.custom.v3.inputs import Options, declarations
from services.graph.compatibility import ANY, MATCHING
from services.graph.dynamic_inputs import CHOOSING, GROWING


class DynamicInput(inputs.Input):
    """An input that stands for others, whose names begin with its own and a dot."""

    def gathered(self, path: str, values: dict[str, Any]) -> Any:
        """The value for `execute`, taken out of the `values` of all inputs; `path` is what the names begin with."""
        raise NotImplementedError


def _slot(template: inputs.Input) -> Options:
    """What a template declares; a widget becomes something to link to, as there is no place for as many widgets."""
    declared = declarations([template])
    if isinstance(template, inputs.WidgetInput):
        for _, options in (config for group in declared.values() for config in group.values()):
            options["forceInput"] = True
    return declared


class MatchType:
    """A value of whatever type the other places of the same template have."""

    io_type = MATCHING
    Type = object

    class Template:
        """What places have in common; `allowed_types` are any unless they are given."""

        def __init__(self, template_id: str, allowed_types: Any = None) -> None:
            kinds = allowed_types if isinstance(allowed_types, Sequence) else [allowed_types] if allowed_types else []
            self.template_id = template_id
            self.allowed_types = list(kinds)

        def as_dict(self) -> Options:
            """What a frontend is told."""
            names = ",".join(kind.io_type for kind in self.allowed_types) or ANY
            return {"template_id": self.template_id, "allowed_types": names}

    class Input(inputs.Input):
        io_type = MATCHING

        def __init__(self, id: str, template: MatchType.Template, *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self.template = template
            self._own = {"template": template.as_dict()}

    class Output(inputs.Output):
        io_type = MATCHING

        def __init__(
            self,
            template: MatchType.Template,
            id: str | None = None,
            display_name: str | None = None,
            tooltip: str | None = None,
            is_output_list: bool = False,
        ) -> None:
            # Unlike other outputs it is not called by its type, which says nothing.
            super().__init__(id, display_name or id or "MATCHTYPE", tooltip, is_output_list)
            self.template = template


class Autogrow:
    """As many values as are linked: a dict of them by name."""

    io_type = GROWING
    Type = dict[str, Any]

    class TemplatePrefix:
        """Values that are counted from 0: `min` of them are required, there can be `max`."""

        def __init__(self, input: inputs.Input, prefix: str, min: int = 1, max: int = 10) -> None:
            self.input, self.prefix, self.min, self.max = input, prefix, min, max

        def as_dict(self) -> Options:
            """What a frontend is told."""
            return {"input": _slot(self.input), "prefix": self.prefix, "min": self.min, "max": self.max}

    class TemplateNames:
        """Values with names of their own: the first `min` of them are required."""

        def __init__(self, input: inputs.Input, names: Sequence[str], min: int = 1) -> None:
            self.input, self.names, self.min = input, list(names), min

        def as_dict(self) -> Options:
            """What a frontend is told."""
            return {"input": _slot(self.input), "names": self.names, "min": self.min}

    class Input(DynamicInput):
        io_type = GROWING

        def __init__(
            self, id: str, template: Autogrow.TemplatePrefix | Autogrow.TemplateNames, *args: Any, **more: Any
        ) -> None:
            super().__init__(id, *args, **more)
            self._own = {"template": template.as_dict()}

        def gathered(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
            """The values by their names."""
            start = f"{path}."
            names = [name for name in values if name.startswith(start)]
            return {name.removeprefix(start): values.pop(name) for name in names}


class DynamicCombo:
    """One of several, each with inputs of its own: a dict of them, the choice under the input's id."""

    io_type = CHOOSING
    Type = dict[str, Any]

    class Option:
        """What can be chosen, and the inputs that there are then."""

        def __init__(self, key: str, inputs: Sequence[inputs.Input]) -> None:
            self.key, self.inputs = key, list(inputs)

        def as_dict(self) -> Options:
            """What a frontend is told."""
            return {"key": self.key, "inputs": declarations(self.inputs)}

    class Input(DynamicInput):
        io_type = CHOOSING

        def __init__(self, id: str, options: Sequence[DynamicCombo.Option], *args: Any, **more: Any) -> None:
            super().__init__(id, *args, **more)
            self._inputs: Mapping[str, Sequence[inputs.Input]] = {option.key: option.inputs for option in options}
            self._own = {"options": [option.as_dict() for option in options]}

        def gathered(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
            """The choice, and the values of its inputs."""
            choice = values.pop(path, None)
            found = {self.id: choice}
            for member in self._inputs.get(_only(choice), ()):
                name = f"{path}.{member.id}"
                if isinstance(member, DynamicInput):
                    found[member.id] = member.gathered(name, values)
                elif name in values:
                    found[member.id] = values.pop(name)
            return found


def gathered(members: Sequence[inputs.Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `execute` takes them: of inputs that stand for others, one for all."""
    left = dict(values)
    found = {member.id: member.gathered(member.id, left) for member in members if isinstance(member, DynamicInput)}
    return {**left, **found}


def _only(choice: Any) -> str:
    """The choice of a node that takes lists, too."""
    return str(choice[0] if isinstance(choice, list) and choice else choice)
