"""What users may have: their share, how many prompts, which nodes. Users need not be made; keys say whose requests are.

What is not said of a user is what all may have, which the settings of the queue say. It holds for prompts to come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from services.command.asking import AskingSettings, ask
from services.errors import InvalidArgument
from services.queue.client import QueueClient
from services.queue.records import UserLimits
from services.settings import REQUIRED, setting, settings

T = TypeVar("T")

_KEEP = "; empty to leave it"


@settings
class Listed(AskingSettings):
    """What `silverprint users list` takes."""


@settings
class Limits(AskingSettings):
    """What `silverprint users set` takes."""

    user: str = setting(default=REQUIRED, help="whose it is")
    weight: str = setting(
        default="", help=f"of the user's share, 1 for all: twice the weight is twice the share{_KEEP}"
    )
    max_waiting: str = setting(default="", help=f"prompts that may wait at once, 0 for any number{_KEEP}")
    max_running: str = setting(default="", help=f"prompts that may run at once, 0 for any number{_KEEP}")
    allow_nodes: str = setting(
        default="", help=f"classes of nodes that prompts may have, with commas between, * for any characters{_KEEP}"
    )
    deny_nodes: str = setting(
        default="", help=f"classes of nodes that prompts may not have, even where these are allowed{_KEEP}"
    )


@settings
class Unset(AskingSettings):
    """What `silverprint users unset` takes."""

    user: str = setting(default=REQUIRED, help="who is to have what all may have")


def show(settings: Listed) -> int:
    """Print a line for each user of whom something was said; returns 0.

    Raises:
        Unavailable: no queue answers.
    """
    print(_ROW.format("USER", "WEIGHT", "WAITING", "RUNNING", "NODES"))
    for limits in ask(settings, lambda queue: queue.quotas.all()):
        print(_row(limits))
    return 0


def set_limits(settings: Limits) -> int:
    """Say what a user may have; what is not given stays as it is. Returns 0.

    Raises:
        InvalidArgument: it makes no sense.
        Unavailable: no queue answers.
    """
    given = {
        "weight": _number(settings.weight, "weight", float),
        "max_waiting": _number(settings.max_waiting, "max-waiting", int),
        "max_running": _number(settings.max_running, "max-running", int),
        "allowed_nodes": _names(settings.allow_nodes),
        "denied_nodes": _names(settings.deny_nodes),
    }
    changes = {name: value for name, value in given.items() if value is not None}

    async def change(queue: QueueClient) -> None:
        known = {limits.user_id: limits for limits in await queue.quotas.all()}
        before = known.get(settings.user, UserLimits(user_id=settings.user))
        await queue.quotas.set(msgspec.structs.replace(before, **changes))

    ask(settings, change)
    return 0


def unset(settings: Unset) -> int:
    """Let a user have what all may have; returns 0.

    Raises:
        NotFound: nothing was said of the user.
        Unavailable: no queue answers.
    """
    ask(settings, lambda queue: queue.quotas.delete(settings.user))
    return 0


_ROW = "{:<20}  {:>7}  {:>7}  {:>7}  {}"


def _row(limits: UserLimits) -> str:
    nodes = [*limits.allowed_nodes, *(f"not {name}" for name in limits.denied_nodes)]
    numbers = (_shown(limits.weight), _shown(limits.max_waiting), _shown(limits.max_running))
    return _ROW.format(limits.user_id or "(none)", *numbers, ", ".join(nodes) or "as all").rstrip()


def _shown(value: float | None) -> str:
    return "as all" if value is None else f"{value:g}"


def _number(text: str, name: str, kind: Callable[[str], T]) -> T | None:
    try:
        return kind(text) if text else None
    except ValueError:
        raise InvalidArgument(f"{name} is a number, not {text!r}") from None


def _names(text: str) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",")) if text else None
