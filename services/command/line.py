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
from services.command.help import Parser, resembling
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


#: What each service is, for its `--help`.
SERVICES = {
    "queue": """Takes prompts, keeps them on disk until an executor has run them, shares executors out between
users, and tells what becomes of prompts. Several replicas may work on one PostgreSQL database.""",
    "files": """Keeps pictures, uploads, models and the settings of users, on a disk or in an S3-compatible store.""",
    "executor": """Runs prompts: takes them from the queue, computes on one device, in a worker process that is replaced
when it ends, and stores what they make with the file service.""",
    "gateway": """Speaks ComfyUI's REST and WebSocket API with clients and the web UI, and exports metrics. What it
knows it asks the other services for.""",
}

#: By what they are for.
COMMANDS = {
    "Use it": [
        Subcommand("up", "run the whole local stack until Ctrl-C", "services.command.up"),
        Subcommand("demo", "start a stack, make one picture, stop", "services.command.demo"),
        Subcommand("run", "submit a workflow to a running stack and save its pictures", "services.command.run"),
    ],
    "Services, each as a process of its own": [
        Subcommand(name, f"run the {name} service", f"services.{name}.service") for name in SERVICES
    ],
    "Look after it": [
        Subcommand("top", "watch devices, the queue and what runs in a terminal", "services.command.top"),
        Subcommand("doctor", "say what is wrong with this installation", "services.command.doctor"),
        Subcommand("export", "print everything that is known about a prompt", "services.command.export"),
        Subcommand("files gc", "have a file service remove what nobody needs any more", "services.command.files_gc"),
    ],
    "Who may do what": [
        Subcommand("keys create", "make a key for a client of the gateway", "services.command.keys", "New", "create"),
        Subcommand("keys list", "list the keys that were made", "services.command.keys", "Queue", "show"),
        Subcommand("keys revoke", "have a key open nothing any more", "services.command.keys", "Revoked", "revoke"),
        Subcommand("users list", "list what users may have", "services.command.users", "Listed", "show"),
        Subcommand("users set", "say what a user may have", "services.command.users", "Limits", "set_limits"),
        Subcommand("users unset", "let a user have what all may have", "services.command.users", "Unset", "unset"),
    ],
    "In your shell": [
        Subcommand("completion", "print what makes a shell complete commands and flags", "services.command.completion"),
    ],
}
SUBCOMMANDS = [sub for subs in COMMANDS.values() for sub in subs]

_CODES = """Every flag can be given as the variable behind it as well; the flag wins.
Exit codes: 0 done; 1 it was tried and did not succeed; 2 something here has to be mended first, and is named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    chosen = max((sub for sub in SUBCOMMANDS if _is_called(sub, given)), key=lambda sub: len(sub.name), default=None)
    if chosen is None:
        return _without_command(given)
    try:
        return _run(chosen, given[len(chosen.name.split()) :])
    except ServiceError as error:
        print(f"silverprint {chosen.name}: {error.message}", file=sys.stderr)
        return USAGE_ERROR


def _without_command(given: Sequence[str]) -> int:
    """Say which commands there are, and which of them was perhaps meant."""
    named = " ".join(word for word in given[:2] if not word.startswith("-"))
    if not named:
        _root().parse(given)
        print(_root().format_help(), end="")
        return USAGE_ERROR
    below = [sub.name for sub in SUBCOMMANDS if sub.name.startswith(f"{given[0]} ")]
    if below and "--help" in given:
        print("\n".join(f"silverprint {name}" for name in below))
        return 0
    about = f": there are {', '.join(below)}" if below else resembling(named, [sub.name for sub in SUBCOMMANDS])
    print(f"silverprint: there is no command {named!r}{about}\nTry silverprint --help", file=sys.stderr)
    return USAGE_ERROR


def _is_called(sub: Subcommand, given: Sequence[str]) -> bool:
    words = sub.name.split()
    return list(given[: len(words)]) == words


def _root() -> Parser:
    what = "ComfyUI workflows as a platform: a queue, executors, files and a gateway."
    parser = Parser("silverprint", what, _overview(), "silverprint COMMAND [FLAG]...")
    parser.add_argument("--version", action="version", version=f"silverprint {__version__}")
    return parser


def _overview() -> str:
    """All commands, by what they are for."""
    lines = []
    for title, subs in COMMANDS.items():
        lines += [f"{title}:", *(f"  {sub.name:<13} {sub.help}" for sub in subs), ""]
    return "\n".join([*lines, "silverprint COMMAND --help says what a command takes."])


def whole_parser() -> argparse.ArgumentParser:
    """All commands with all flags; takes the time that importing every one of them takes."""
    parser = argparse.ArgumentParser(prog="silverprint")
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
    parser = Parser(f"silverprint {sub.name}", SERVICES.get(sub.name, module.__doc__), _CODES)
    add_flags(parser, settings_class)
    settings = from_flags(settings_class, parser.parse(arguments))
    command: Callable[[Any], int] | None = getattr(module, sub.main, None)
    return command(settings) if command else process.run_service(sub.name, module.run, settings)
