"""A gateway that asks for keys, and some."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.queue.api_keys.records import NewApiKey
from tests.gateway.stack import Gateway, gateway

MakeKey = Callable[..., Awaitable[str]]


@pytest.fixture
async def guarded() -> AsyncIterator[Gateway]:
    async with gateway(keys=True) as served:
        yield served


@pytest.fixture
def make_key(guarded: Gateway) -> MakeKey:
    """Makes a key of a user, as an operator does."""

    async def make(user: str, *, admin: bool = False, requests_per_minute: int = 0) -> str:
        wanted = NewApiKey(user_id=user, admin=admin, requests_per_minute=requests_per_minute)
        return (await guarded.queue.api_keys.create(wanted))[1]

    return make
