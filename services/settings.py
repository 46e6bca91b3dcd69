"""Settings: one frozen dataclass per process, filled from flags and `SILVERPRINT_…` variables.

A field becomes the flag `--its-name` and the variable `SILVERPRINT_ITS_NAME`; the flag wins. Fields are declared with
`setting(default=…, help="what it means")`. Fields of type bool become `--flag` / `--no-flag`; tuples may be repeated
(and are split at the path separator in a variable).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, dataclass_transform

from services.errors import InvalidArgument

PREFIX = "SILVERPRINT_"

S = TypeVar("S")

#: What stands for a value in help.
_METAVARS: dict[Any, str] = {int: "NUMBER", float: "NUMBER", Path: "PATH"}

#: The default of a field that has none: it is a positional argument of the command.
REQUIRED: Any = object()


def setting(*, default: Any, help: str) -> Any:
    """A settings field with its default value and a sentence for `--help`."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
def settings(cls: type[S]) -> type[S]:
    """Make a class a settings class: frozen, keyword-only."""
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def add_flags(
    parser: argparse.ArgumentParser,
    cls: type[Any],
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Declare one flag per field of `cls`, with defaults from the environment.

    A field whose default is `REQUIRED` becomes a positional argument. What `cls` inherits makes a group, with what the
    class it is from says of itself.

    Raises:
        InvalidArgument: a variable's value does not fit its field.
    """
    types = typing.get_type_hints(cls)
    groups: dict[type[Any], argparse._ArgumentGroup | argparse.ArgumentParser] = {cls: parser}
    for field in sorted(dataclasses.fields(cls), key=lambda field: _declares(cls, field.name) is not cls):
        declares = _declares(cls, field.name)
        if declares not in groups:
            groups[declares] = parser.add_argument_group((declares.__doc__ or "").strip().rstrip(".").split("\n")[0])
        target = groups[declares]
        kind, many = _element_type(types[field.name])
        if field.default is REQUIRED:
            target.add_argument(field.name, type=kind, help=field.metadata["help"])
            continue
        variable = PREFIX + field.name.upper()
        default = field.default
        if variable in environment:
            default = _from_environment(variable, environment[variable], kind, many)
        flag = "--" + field.name.replace("_", "-")
        usual = _shown(field.default)
        help = f"{field.metadata['help']} ({f'default: {usual}; ' if usual else ''}${variable})"
        metavar = _METAVARS.get(kind, "TEXT")
        if kind is bool:
            target.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=help)
        elif many:
            target.add_argument(flag, action=_Append, type=kind, default=default, help=help, metavar=metavar)
        else:
            target.add_argument(flag, type=kind, default=default, help=help, metavar=metavar)


def _declares(cls: type[Any], name: str) -> type[Any]:
    """The class that a field is from."""
    return next(base for base in reversed(cls.__mro__) if name in base.__dict__.get("__annotations__", {}))


def from_flags(cls: type[S], namespace: argparse.Namespace) -> S:
    """Build `cls` from parsed flags."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    return cls(**{field.name: getattr(namespace, field.name) for field in fields})


def to_flags(values: object) -> list[str]:
    """The command line that makes `from_flags` build an equal object: how a parent process passes settings on."""
    flags: list[str] = []
    for field in dataclasses.fields(values):  # type: ignore[arg-type]
        value = getattr(values, field.name)
        flag = "--" + field.name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            for element in value:
                flags += [flag, str(element)]
        elif value is not None:
            flags += [flag, str(value)]
    return flags


class _Append(argparse.Action):
    """Like `append`, but the first use replaces the default, and the value is a tuple."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        seen = getattr(namespace, f"_{self.dest}_seen", ())
        value = (*seen, values)
        setattr(namespace, f"_{self.dest}_seen", value)
        setattr(namespace, self.dest, value)


def _element_type(annotation: Any) -> tuple[Callable[[str], Any], bool]:
    """The type that parses one value, and whether there may be several."""
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], True
    choices = [choice for choice in typing.get_args(annotation) if choice is not type(None)]
    return (choices[0] if choices else annotation), False


def _from_environment(variable: str, text: str, kind: Callable[[str], Any], many: bool) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        return tuple(kind(part) for part in text.split(os.pathsep) if part) if many else kind(text)
    except (KeyError, ValueError) as error:
        raise InvalidArgument(f"{variable}={text!r} is not a {getattr(kind, '__name__', kind)}") from error


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return os.pathsep.join(map(str, default))
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "" if default is None else default.as_posix() if isinstance(default, Path) else str(default)
