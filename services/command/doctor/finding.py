"""What a check finds."""

from __future__ import annotations

from enum import Enum

import msgspec


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    #: it works, but not as well as it could, or not for long
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    level: Level
    #: what was looked at, in few words
    subject: str
    #: how it is
    state: str
    #: what to do; empty where nothing is to be done
    remedy: str = ""


def ok(subject: str, state: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, state)


def warning(subject: str, state: str, remedy: str) -> Finding:
    """Something to be mended some day."""
    return Finding(Level.WARNING, subject, state, remedy)


def problem(subject: str, state: str, remedy: str) -> Finding:
    """Something that does not work."""
    return Finding(Level.PROBLEM, subject, state, remedy)
