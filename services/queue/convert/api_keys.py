"""Keys as `silverprint.queue.v1` has them."""

from __future__ import annotations

from services.queue.api_keys.records import ApiKey, NewApiKey
from services.queue.convert.times import from_optional_us, from_us, to_us
from silverprint.queue.v1 import api_keys_pb2 as pb


def key_to_proto(key: ApiKey) -> pb.ApiKey:
    """The message of a key."""
    return pb.ApiKey(
        key_id=key.key_id,
        user_id=key.user_id,
        admin=key.admin,
        label=key.label,
        created_at_us=to_us(key.created_at),
        expires_at_us=to_us(key.expires_at),
        revoked_at_us=to_us(key.revoked_at),
        last_used_at_us=to_us(key.last_used_at),
        requests_per_minute=key.requests_per_minute,
    )


def key_from_proto(message: pb.ApiKey) -> ApiKey:
    """The key of a message."""
    return ApiKey(
        key_id=message.key_id,
        user_id=message.user_id,
        admin=message.admin,
        label=message.label,
        created_at=from_us(message.created_at_us),
        expires_at=from_optional_us(message.expires_at_us),
        revoked_at=from_optional_us(message.revoked_at_us),
        last_used_at=from_optional_us(message.last_used_at_us),
        requests_per_minute=message.requests_per_minute,
    )


def wanted_to_proto(wanted: NewApiKey) -> pb.CreateApiKeyRequest:
    """The request for a key."""
    return pb.CreateApiKeyRequest(
        user_id=wanted.user_id,
        admin=wanted.admin,
        label=wanted.label,
        lifetime_seconds=round(wanted.lifetime),
        requests_per_minute=wanted.requests_per_minute,
    )


def wanted_from_proto(request: pb.CreateApiKeyRequest) -> NewApiKey:
    """The key that a request wants."""
    return NewApiKey(
        user_id=request.user_id,
        admin=request.admin,
        label=request.label,
        lifetime=request.lifetime_seconds,
        requests_per_minute=request.requests_per_minute,
    )
