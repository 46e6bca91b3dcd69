"""What every store does with keys, in process and from the other end of a connection."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import cast

import pytest

from services.errors import InvalidArgument, NotFound, Unauthenticated
from services.queue.api_keys.api_keys import ApiKeys
from services.queue.api_keys.records import NewApiKey
from services.queue.api_keys.servicer import ApiKeyServicer
from services.queue.client import QueueClient
from services.queue.stores.base import QueueStore
from services.rpc.server import serve
from tests.queue.clock import ManualClock


@pytest.fixture(params=["here", "remote"])
async def keys(request: pytest.FixtureRequest, store: QueueStore, clock: ManualClock) -> AsyncIterator[ApiKeys]:
    here = ApiKeys(store.api_keys, clock)
    if request.param == "here":
        yield here
        return
    async with serve("127.0.0.1:0", [ApiKeyServicer(here).entry]) as server, QueueClient(server.address) as client:
        yield cast(ApiKeys, client.api_keys)


async def test_a_key_is_known_by_what_its_maker_was_told(keys: ApiKeys, clock: ManualClock) -> None:
    wanted = NewApiKey(user_id="alice", admin=True, label="the studio", lifetime=60.0, requests_per_minute=7)
    made, secret = await keys.create(wanted)
    assert re.fullmatch(rf"sp_{made.key_id}_[\w-]{{43}}", secret)
    shown = await keys.authenticate(secret)
    assert shown == made
    assert (made.user_id, made.admin, made.label, made.requests_per_minute) == ("alice", True, "the studio", 7)
    assert (made.created_at, made.expires_at) == (clock.now(), clock.now() + 60)
    assert (await keys.all())[-1].last_used_at == clock.now()


async def test_keys_are_listed_in_the_order_in_which_they_were_made(keys: ApiKeys) -> None:
    made = [(await keys.create(NewApiKey(user_id=user)))[0] for user in ("b", "a", "c")]
    assert await keys.all() == made
    assert len({key.key_id for key in made}) == 3


async def test_nobody_finds_the_secret_in_the_store(store: QueueStore, clock: ManualClock) -> None:
    key, secret = await ApiKeys(store.api_keys, clock).create(NewApiKey(user_id="alice"))
    kept = await store.api_keys.get(key.key_id)
    assert kept is not None
    assert secret.split("_", 2)[2].encode() not in kept[1]
    assert len(kept[1]) == 32


async def test_what_is_no_key_opens_nothing(keys: ApiKeys) -> None:
    made, secret = await keys.create(NewApiKey(user_id="alice"))
    other = f"sp_{made.key_id}_{'A' * 43}"
    for text in ("", "alice", other, secret[:-1], secret + "A", secret.upper(), secret + "\n", "sp_" + "0" * 12, "é\0"):
        with pytest.raises(Unauthenticated, match="this is not a key"):
            await keys.authenticate(text)


async def test_a_revoked_key_opens_nothing_and_another_one_goes_on(keys: ApiKeys, clock: ManualClock) -> None:
    made, secret = await keys.create(NewApiKey(user_id="alice"))
    _, other = await keys.create(NewApiKey(user_id="alice"))
    clock.advance(5)
    await keys.revoke(made.key_id)
    revoked_at = clock.now()
    clock.advance(5)
    await keys.revoke(made.key_id)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(secret)
    assert (await keys.authenticate(other)).user_id == "alice"
    assert [key.revoked_at for key in await keys.all()] == [revoked_at, None]
    with pytest.raises(NotFound, match="'nothing'"):
        await keys.revoke("nothing")


async def test_a_key_expires(keys: ApiKeys, clock: ManualClock) -> None:
    _, secret = await keys.create(NewApiKey(user_id="alice", lifetime=60))
    clock.advance(59)
    await keys.authenticate(secret)
    clock.advance(1)
    with pytest.raises(Unauthenticated):
        await keys.authenticate(secret)


async def test_its_use_is_noted_to_the_minute(keys: ApiKeys, clock: ManualClock) -> None:
    _, secret = await keys.create(NewApiKey(user_id="alice"))
    began = clock.now()
    for _ in range(3):
        await keys.authenticate(secret)
        clock.advance(25)
    assert (await keys.all())[0].last_used_at == began
    await keys.authenticate(secret)
    assert (await keys.all())[0].last_used_at == began + 75


@pytest.mark.parametrize(
    "user", ["", "Alice", "a" * 65, "a/b", "..", ".a", "a.", "__system", "é", "a b", "a\n", "-a", "a\0"]
)
async def test_a_name_that_cannot_be_a_folder_is_refused(keys: ApiKeys, user: str) -> None:
    with pytest.raises(InvalidArgument, match="not a name for a user"):
        await keys.create(NewApiKey(user_id=user))


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        (NewApiKey(user_id="a", label="x" * 201), "label"),
        (NewApiKey(user_id="a", label="a\x1b[31m"), "label"),
        (NewApiKey(user_id="a", lifetime=-1), "-1 seconds"),
        (NewApiKey(user_id="a", requests_per_minute=-1), "requests_per_minute"),
    ],
)
async def test_what_makes_no_sense_is_refused(keys: ApiKeys, wanted: NewApiKey, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        await keys.create(wanted)
