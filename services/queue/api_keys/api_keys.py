"""Making keys, telling whose they are, taking them back."""

from __future__ import annotations

import hmac

from services.errors import InvalidArgument, NotFound, Unauthenticated
from services.queue.api_keys.names import RULE, is_user_id
from services.queue.api_keys.records import ApiKey, NewApiKey
from services.queue.api_keys.secret import Secret
from services.queue.api_keys.store import ApiKeyStore
from services.queue.clock import Clock, SystemClock

MAX_LABEL = 200

#: Seconds until the use of a key is noted again.
USE_INTERVAL = 60.0


class ApiKeys:
    """The keys that a store has."""

    def __init__(self, store: ApiKeyStore, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()

    async def create(self, wanted: NewApiKey) -> tuple[ApiKey, str]:
        """Make a key; answers with it in full, which is kept nowhere.

        Raises:
            InvalidArgument: the user's name, the label or a number makes no sense.
        """
        _check(wanted)
        secret, now = Secret.new(), self._clock.now()
        key = ApiKey(
            key_id=secret.key_id,
            user_id=wanted.user_id,
            admin=wanted.admin,
            label=wanted.label,
            created_at=now,
            expires_at=now + wanted.lifetime if wanted.lifetime else None,
            requests_per_minute=wanted.requests_per_minute,
        )
        await self._store.add(key, secret.digest)
        return key, str(secret)

    async def all(self) -> list[ApiKey]:
        """The oldest first, those too that open nothing any more."""
        return await self._store.all()

    async def revoke(self, key_id: str) -> None:
        """Have a key open nothing any more.

        Raises:
            NotFound: there is no such key.
        """
        if not await self._store.revoke(key_id, self._clock.now()):
            raise NotFound(f"there is no key with the id {key_id[:64]!r}")

    async def authenticate(self, text: str) -> ApiKey:
        """The key that somebody shows.

        Raises:
            Unauthenticated: it is none, or opens nothing any more.
        """
        shown = Secret.parse(text)
        found = await self._store.get(shown.key_id) if shown else None
        if shown is None or found is None or not hmac.compare_digest(found[1], shown.digest):
            raise Unauthenticated("this is not a key")
        key, now = found[0], self._clock.now()
        if not key.opens_at(now):
            raise Unauthenticated("this is not a key")
        if key.last_used_at is None or now - key.last_used_at >= USE_INTERVAL:
            await self._store.used(key.key_id, now)
        return key


def _check(wanted: NewApiKey) -> None:
    if not is_user_id(wanted.user_id):
        raise InvalidArgument(f"user_id {wanted.user_id[:100]!r} is not a name for a user: that has {RULE}")
    if len(wanted.label) > MAX_LABEL or not wanted.label.isprintable():
        raise InvalidArgument(f"label has up to {MAX_LABEL} characters, none of them a control character")
    if not 0 <= wanted.lifetime < 1e10:
        raise InvalidArgument(f"a key cannot be good for {wanted.lifetime:g} seconds; 0 is for ever")
    if not 0 <= wanted.requests_per_minute < 1 << 31:
        raise InvalidArgument(f"requests_per_minute cannot be {wanted.requests_per_minute}; 0 is for any number")
