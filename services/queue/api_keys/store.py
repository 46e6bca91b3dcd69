"""What is asked of whatever keeps keys; every store of the queue has one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from services.queue.api_keys.records import ApiKey


class ApiKeyStore(ABC):
    """Keeps keys for ever, and with each the digest of its secret.

    Every method raises `Unavailable` when the storage fails.
    """

    @abstractmethod
    async def add(self, key: ApiKey, digest: bytes) -> None:
        """Keep a new key, whose id nothing else has."""

    @abstractmethod
    async def get(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """A key and the digest of its secret."""

    @abstractmethod
    async def all(self) -> list[ApiKey]:
        """The oldest first."""

    @abstractmethod
    async def revoke(self, key_id: str, now: float) -> bool:
        """Note that it was revoked, unless that is noted already; False when there is no such key."""

    @abstractmethod
    async def used(self, key_id: str, now: float) -> None:
        """Note that it was used."""
