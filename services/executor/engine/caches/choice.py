"""Which cache a setting asks for."""

from __future__ import annotations

import math
from collections.abc import Callable

from services.errors import InvalidArgument
from services.executor.engine.caches.base import ResultCache
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.caches.none import NoCache
from services.executor.engine.caches.recent import RecentCache

CHOICES = "classic, lru:N, none or ram:GB"

_GB = 1e9


def chosen_cache(setting: str, available_memory: Callable[[], int]) -> ResultCache:
    """The cache of a setting: classic remembers the last prompt, lru:N the last N results or more if the running prompt
    has more, ram:GB as much as leaves that much memory free, none nothing.

    `available_memory` answers with the bytes that are free.

    Raises:
        InvalidArgument: it is none of these.
    """
    kind, _, amount = setting.partition(":")
    if setting == "classic":
        return ClassicCache()
    if setting == "none":
        return NoCache()
    if kind == "lru" and amount.isascii() and amount.isdigit() and int(amount) > 0:
        most = int(amount)
        return RecentCache(lambda count: count > most)
    if kind == "ram" and (least := _positive(amount)) is not None:
        return RecentCache(lambda count: available_memory() < least * _GB)
    raise InvalidArgument(f"cache {setting!r} is none of {CHOICES}")


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number > 0 and math.isfinite(number) else None
