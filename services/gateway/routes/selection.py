"""The body of `POST /queue` and `POST /history`: everything, or some prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import msgspec

from services.gateway.raw_json import field

#: Longer than a list of every prompt that a queue holds.
MAX_BYTES = 8 << 20


class QueueManageRequest(TypedDict, total=False):
    """Which waiting prompts to take back: all of them, or those with these ids."""

    clear: bool | int | None
    delete: list[str] | str | None


class HistoryManageRequest(TypedDict, total=False):
    """Which finished prompts to forget: all of them, or those with these ids."""

    clear: bool | int | None
    delete: list[str] | str | None


@dataclass(frozen=True)
class Selection:
    """What a client chose to clear or delete."""

    everything: bool
    prompt_ids: list[str]


def selection(body: dict[str, msgspec.Raw]) -> Selection:
    """Read {"clear": true} or {"delete": [ids]}; a single id need not be a list.

    Raises:
        BadRequest: a member is of the wrong kind.
    """
    chosen = field(body, "delete", list[str] | str | None, None) or []
    return Selection(
        everything=bool(field(body, "clear", bool | int | None, None)),
        prompt_ids=[chosen] if isinstance(chosen, str) else chosen,
    )
