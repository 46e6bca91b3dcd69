"""The command line: which subcommands there are and what they take."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from services import __version__
from services.command import process
from services.errors import ServiceError
from services.settings import add_flags, from_flags

#: Exit code for what the user has to mend: a bad flag, a taken port, an unreadable folder.
USAGE_ERROR = 2


_Group: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_Groups: TypeAlias = "dict[str, _Group]"


@dataclass(frozen=True)
class Subcommand:
    """A subcommand; its module is imported only when it is called for."""

    #: one word or more
    name: str
    help: str
    module: str
    #: the settings class in the module
    settings: str = "Settings"
    #: takes the settings, returns the exit code
    main: str = "main"


SUBCOMMANDS = [
    Subcommand("up", "run the whole local stack until Ctrl-C", "services.command.up"),
    Subcommand("run", "submit a workflow to a running stack and save its pictures", "services.command.run"),
    Subcommand("export", "print everything that is known about a prompt", "services.command.export"),
    Subcommand("demo", "start a stack, make one picture, stop", "services.command.demo"),
    *(
        Subcommand(name, f"run the {name} service alone", f"services.{name}.service")
        for name in ("queue", "files", "executor", "gateway")
    ),
    Subcommand("keys create", "make a key for a client of the gateway", "services.command.keys", "New", "create"),
    Subcommand("keys list", "list the keys that were made", "services.command.keys", "Queue", "show"),
    Subcommand("keys revoke", "have a key open nothing any more", "services.command.keys", "Revoked", "revoke"),
    Subcommand("users list", "list what users may have", "services.command.users", "Listed", "show"),
    Subcommand("users set", "say what a user may have", "services.command.users", "Limits", "set_limits"),
    Subcommand("users unset", "let a user have what all may have", "services.command.users", "Unset", "unset"),
    Subcommand("top", "watch devices, the queue and what runs in a terminal", "services.command.top"),
    Subcommand("doctor", "say what is wrong with this installation", "services.command.doctor"),
    Subcommand("completion", "print what makes a shell complete commands and flags", "services.command.completion"),
    Subcommand("files gc", "have a file service remove what nobody needs any more", "services.command.files_gc"),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = max((sub for sub in SUBCOMMANDS if _is_called(sub, given)), key=lambda sub: len(sub.name), default=None)
    parser = _overview()
    if chosen is None:
        parser.parse_args(given)
        parser.print_help()
        return USAGE_ERROR
    try:
        return _run(chosen, given[len(chosen.name.split()) :])
    except ServiceError as error:
        print(f"silverprint {chosen.name}: {error.message}", file=sys.stderr)
        return USAGE_ERROR


def _is_called(sub: Subcommand, given: Sequence[str]) -> bool:
    words = sub.name.split()
    return list(given[: len(words)]) == words


def _root() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="silverprint", description="ComfyUI workflows as a platform.")
    parser.add_argument("--version", action="version", version=f"silverprint {__version__}")
    return parser


def _overview() -> argparse.ArgumentParser:
    parser = _root()
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for sub in SUBCOMMANDS:
        subparsers.add_parser(sub.name, help=sub.help, add_help=False)
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """All commands with all flags; takes the time that importing every one of them takes."""
    parser = _root()
    groups: _Groups = {"": parser.add_subparsers(title="commands", metavar="COMMAND")}
    for sub in SUBCOMMANDS:
        above, _, name = sub.name.rpartition(" ")
        module = importlib.import_module(sub.module)
        add_flags(_group(groups, above).add_parser(name, help=sub.help), getattr(module, sub.settings))
    return parser


def _group(groups: _Groups, name: str) -> _Group:
    """What holds the commands that begin with this word, which may be a command as well."""
    if name not in groups:
        known = groups[""].choices.get(name)
        parser = known or groups[""].add_parser(name, help=f"commands about {name}")
        groups[name] = parser.add_subparsers(title="commands", metavar="COMMAND")
    return groups[name]


def _run(sub: Subcommand, arguments: Sequence[str]) -> int:
    module = importlib.import_module(sub.module)
    settings_class: type[Any] = getattr(module, sub.settings)
    parser = argparse.ArgumentParser(
        prog=f"silverprint {sub.name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, settings_class)
    settings = from_flags(settings_class, parser.parse_args(arguments))
    command: Callable[[Any], int] | None = getattr(module, sub.main, None)
    return command(settings) if command else process.run_service(sub.name, module.run, settings)
