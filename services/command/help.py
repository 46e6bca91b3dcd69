"""How commands explain themselves, and what they say to what they do not know."""

from __future__ import annotations

import argparse
import difflib
import shutil
from collections.abc import Iterable, Sequence
from typing import NoReturn

#: Columns of text that are read well.
MOST_COLUMNS = 110

#: Columns for the names of flags.
_NAMES = 32


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Flags on the left, what they do on the right, and a usage of one line."""

    def __init__(self, prog: str) -> None:
        columns = shutil.get_terminal_size((MOST_COLUMNS, 0)).columns
        super().__init__(prog, max_help_position=_NAMES, width=min(columns, MOST_COLUMNS) - 2)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        actions = list(actions)
        places = [action.dest.upper() for action in actions if not action.option_strings]
        flags = ["[FLAG]..."] if any(action.option_strings for action in actions) else []
        super().add_usage(usage or " ".join(["%(prog)s", *places, *flags]), actions, groups, prefix)


class Parser(argparse.ArgumentParser):
    """A parser that says what was perhaps meant."""

    def __init__(self, prog: str, description: str | None, epilog: str, usage: str | None = None) -> None:
        super().__init__(prog, usage, description, epilog, formatter_class=Formatter, allow_abbrev=False)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """As `parse_args`, but it names the flags that resemble unknown ones."""
        known, unknown = self.parse_known_args(arguments)
        if unknown:
            first = unknown[0].partition("=")[0]
            meant = resembling(first, self._option_string_actions)
            self.fail(f"there is no flag {first}{meant}" if first.startswith("-") else f"{first!r} is too much")
        return known

    def fail(self, message: str) -> NoReturn:
        """End with what is wrong, in two lines."""
        self.exit(2, f"{self.prog}: {message}\nTry {self.prog} --help\n")


def resembling(name: str, known: Iterable[str]) -> str:
    """What to add about a name that is none."""
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
