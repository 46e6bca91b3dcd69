"""Keys as rows of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.queue.api_keys.records import ApiKey


def columns_of(key: ApiKey, digest: bytes) -> tuple[Any, ...]:
    """The columns of a new key, in the order of the statement `add`."""
    return (
        key.key_id,
        key.user_id,
        digest,
        key.admin,
        key.label,
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.last_used_at,
        key.requests_per_minute,
    )


def key_of(row: Sequence[Any]) -> tuple[ApiKey, bytes]:
    """The key of a row, and the digest of its secret."""
    key_id, user_id, digest, admin, label, created_at, expires_at, revoked_at, last_used_at, requests_per_minute = row
    key = ApiKey(
        key_id=key_id,
        user_id=user_id,
        admin=bool(admin),
        label=label,
        created_at=created_at,
        expires_at=expires_at,
        revoked_at=revoked_at,
        last_used_at=last_used_at,
        requests_per_minute=requests_per_minute,
    )
    return key, bytes(digest)
