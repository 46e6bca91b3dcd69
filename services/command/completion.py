"""Print what makes a shell complete commands and flags. For bash, now and in every shell to come:

  eval "$(silverprint completion bash)"
  silverprint completion bash > ~/.local/share/bash-completion/completions/silverprint

For zsh, into a folder of $fpath, and for fish:

  silverprint completion zsh > ~/.zfunc/_silverprint
  silverprint completion fish > ~/.config/fish/completions/silverprint.fish
"""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from services.command import line
from services.errors import InvalidArgument
from services.settings import REQUIRED, setting, settings

SHELLS = ("bash", "zsh", "fish")


@settings
class Settings:
    """What `silverprint completion` takes."""

    shell: str = setting(default=REQUIRED, help="bash, zsh or fish")


def main(settings: Settings) -> int:
    """Print the script; returns 0.

    Raises:
        InvalidArgument: there is none for this shell.
    """
    if settings.shell not in SHELLS:
        raise InvalidArgument(f"{settings.shell!r} is none of {', '.join(SHELLS)}")
    parser = line.whole_parser()
    _complete_files(parser)
    print(shtab.complete(parser, settings.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Have names of files completed where paths are taken."""
    for action in parser._actions:  # argparse has no other way to see them
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below)
        elif action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
