"""Keys for clients of the gateway. Whoever reaches the queue may make them: keep it inside a network you trust.

A key says whose the prompts, files and settings are that its bearer sees; `--admin` opens what concerns everybody, too.
Clients show it as `X-API-Key: KEY`, as `Authorization: Bearer KEY`, or as `?token=KEY` where they cannot send headers.
"""

from __future__ import annotations

import sys
from datetime import datetime

from services.command.asking import AskingSettings, ask
from services.queue.api_keys.records import ApiKey, NewApiKey
from services.settings import REQUIRED, setting, settings

_DAY = 86_400.0


@settings
class Queue(AskingSettings):
    """What `silverprint keys list` takes."""


@settings
class New(AskingSettings):
    """What `silverprint keys create` takes."""

    user: str = setting(default=REQUIRED, help="whose it is; users need not be made before")
    admin: bool = setting(default=False, help="whether it opens what concerns everybody, too")
    label: str = setting(default="", help="what it is for, to be shown in lists")
    days: float = setting(default=0.0, help="days for which it is good, 0 for ever")
    requests_per_minute: int = setting(default=0, help="requests taken with it in a minute, 0 for any number")


@settings
class Revoked(AskingSettings):
    """What `silverprint keys revoke` takes."""

    key_id: str = setting(default=REQUIRED, help="its id, as lists show it: the part between sp_ and the second _")


def create(settings: New) -> int:
    """Make a key; prints it, alone, so that scripts can take it. Returns 0.

    Raises:
        InvalidArgument: the name or a number makes no sense.
        Unavailable: no queue answers.
    """
    wanted = NewApiKey(
        user_id=settings.user,
        admin=settings.admin,
        label=settings.label,
        lifetime=settings.days * _DAY,
        requests_per_minute=settings.requests_per_minute,
    )
    key, secret = ask(settings, lambda queue: queue.api_keys.create(wanted))
    print(secret)
    print(f"key {key.key_id} of {key.user_id}: keep it, nobody can show it again", file=sys.stderr)
    return 0


def show(settings: Queue) -> int:
    """Print a line for each key; returns 0.

    Raises:
        Unavailable: no queue answers.
    """
    print(_ROW.format("ID", "USER", "SCOPE", "CREATED", "EXPIRES", "LAST USED", "A MINUTE", "LABEL"))
    for key in ask(settings, lambda queue: queue.api_keys.all()):
        print(_row(key))
    return 0


def revoke(settings: Revoked) -> int:
    """Revoke a key; returns 0.

    Raises:
        NotFound: there is no such key.
        Unavailable: no queue answers.
    """
    ask(settings, lambda queue: queue.api_keys.revoke(settings.key_id))
    return 0


_ROW = "{:<12}  {:<16}  {:<5}  {:<16}  {:<16}  {:<16}  {:>8}  {}"


def _row(key: ApiKey) -> str:
    expires = f"revoked {_day(key.revoked_at)}" if key.revoked_at else _minute(key.expires_at, "never")
    return _ROW.format(
        key.key_id,
        key.user_id,
        "admin" if key.admin else "user",
        _minute(key.created_at),
        expires,
        _minute(key.last_used_at, "never"),
        key.requests_per_minute or "any",
        key.label,
    ).rstrip()


def _minute(seconds: float | None, never: str = "") -> str:
    return never if seconds is None else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%m-%d}"
