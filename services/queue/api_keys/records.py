"""What is known about keys."""

from __future__ import annotations

import msgspec


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key. Times are seconds since the epoch."""

    #: stands in the key, is no secret
    key_id: str
    #: whose prompts, files and settings whoever shows it gets to see
    user_id: str
    #: whether it opens what concerns everybody, too
    admin: bool = False
    #: for people
    label: str = ""
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    #: to the minute
    last_used_at: float | None = None
    #: requests that a gateway takes with it in a minute; 0 for any number
    requests_per_minute: int = 0

    def opens_at(self, now: float) -> bool:
        """Whether it is good at that time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that somebody wants; as of `ApiKey`."""

    user_id: str
    admin: bool = False
    label: str = ""
    #: seconds for which it is good; 0 for ever
    lifetime: float = 0.0
    requests_per_minute: int = 0
