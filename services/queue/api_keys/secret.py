"""What a key looks like: `sp_ID_SECRET`, looked up by its id, found by scanners, and never guessed."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Self

import msgspec

_FORM = re.compile(r"sp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Secret(msgspec.Struct, frozen=True):
    """A key in full."""

    key_id: str
    #: 256 random bits: nobody guesses them, so that a quick digest keeps them as well as a slow one
    secret: str

    @classmethod
    def new(cls) -> Self:
        """One that nobody has."""
        return cls(secrets.token_hex(6), secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The key that a text is; None for other texts."""
        match = _FORM.fullmatch(text)
        return cls(match[1], match[2]) if match else None

    def __str__(self) -> str:
        return f"sp_{self.key_id}_{self.secret}"

    __repr__ = object.__repr__  # not into a log by mistake

    @property
    def digest(self) -> bytes:
        """SHA-256 of the secret part; all of it that is kept."""
        return hashlib.sha256(self.secret.encode()).digest()
