"""Keys in memory."""

from __future__ import annotations

import msgspec

from services.queue.api_keys.records import ApiKey
from services.queue.api_keys.store import ApiKeyStore


class MemoryApiKeys(ApiKeyStore):
    """One dictionary, in the order in which keys were made."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[ApiKey, bytes]] = {}

    async def add(self, key: ApiKey, digest: bytes) -> None:
        self._kept[key.key_id] = (key, digest)

    async def get(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        return self._kept.get(key_id)

    async def all(self) -> list[ApiKey]:
        return [key for key, _ in self._kept.values()]

    async def revoke(self, key_id: str, now: float) -> bool:
        if key_id not in self._kept:
            return False
        key, digest = self._kept[key_id]
        if key.revoked_at is None:
            self._kept[key_id] = (msgspec.structs.replace(key, revoked_at=now), digest)
        return True

    async def used(self, key_id: str, now: float) -> None:
        if key_id in self._kept:
            key, digest = self._kept[key_id]
            self._kept[key_id] = (msgspec.structs.replace(key, last_used_at=now), digest)
