"""The PostgreSQL store: one database for any number of replicas of the queue."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Mapping

from services.database.postgres import Address, Connection, Listener, Pool, connect, migrate
from services.errors import InvalidArgument
from services.queue.life import Step, Transition
from services.queue.records import Batch, Depths, Keys, Page, Prompt, PromptIds, PromptState, Search, UserLimits
from services.queue.stores import rows
from services.queue.stores.base import (
    ANY,
    AllLimits,
    Backlog,
    Choice,
    Claim,
    Lives,
    NewPrompt,
    QueueStore,
    Receipt,
    Requirements,
    StoredEvents,
    WakeUp,
)
from services.queue.stores.postgres import operations
from services.queue.stores.postgres.api_keys import PostgresApiKeys
from services.queue.stores.postgres.forgetting import Forgetting
from services.queue.stores.postgres.numbers import Numbers
from services.queue.stores.postgres.outbox import PostgresOutbox
from services.queue.stores.postgres.reader import Reader
from services.queue.stores.postgres.sql import CHANNEL, MIGRATIONS, NAME, PART, SQL
from services.queue.stores.postgres.writer import Writer

#: Into how many parts the tallies are divided.
SHARDS = 16


class PostgresStore(QueueStore):
    """Keeps prompts in a database that other replicas may use at the same time."""

    is_shared = True

    def __init__(self, address: Address, writing: Connection, pool: Pool) -> None:
        self._address = address
        self._replica = secrets.token_hex(8)
        self._shard = secrets.randbelow(SHARDS)
        self._writer = Writer(address, writing, shard=self._shard, replica=self._replica, tell=self._tell)
        self._pool = pool
        self._reader = Reader(pool)
        self._numbers = Numbers(pool)
        self._outbox = PostgresOutbox(pool)
        self._api_keys = PostgresApiKeys(pool)
        self._forgetting = Forgetting(pool, shard=self._shard, replica=self._replica)
        self._listening: Listener | None = None

    @classmethod
    async def open(cls, url: str) -> PostgresStore:
        """Use a database, whose tables are made when they are missing.

        Raises:
            InvalidArgument: the URL is none, the server refuses it, or a newer version of silverprint made the tables.
            Unavailable: the server cannot be reached.
        """
        address = Address.parse(url)
        await migrate(address, PART, MIGRATIONS)
        writing = await connect(address)
        try:
            pool = await Pool.open(address, NAME)
        except BaseException:
            await writing.close()
            raise
        return cls(address, writing, pool)

    @property
    def outbox(self) -> PostgresOutbox:
        return self._outbox

    @property
    def api_keys(self) -> PostgresApiKeys:
        return self._api_keys

    def listen_to_others(self, wake_up: WakeUp) -> None:
        super().listen_to_others(wake_up)
        if self._listening is None:
            self._listening = Listener(self._address, CHANNEL, self._replica, self._wake)

    async def add(self, new: NewPrompt) -> Receipt:
        for text, name in (
            (new.prompt_id, "prompt_id"),
            (new.client_id, "client_id"),
            (new.workflow_id, "workflow_id"),
            (new.user_id, "user_id"),
            (new.traceparent, "traceparent"),
            (new.keyed.key if new.keyed else "", "idempotency_key"),
            ((new.reuse.source if new.reuse else None) or "", "reuse_from"),
        ):
            if not _is_text(text):
                raise InvalidArgument(f"{name} has a character with the code 0 in it, which cannot be kept")
        receipt: Receipt = await self._writer.run(operations.Add(new))
        return receipt

    async def receipt(self, prompt_id: str) -> Receipt | None:
        return await self._reader.receipt(prompt_id) if _is_text(prompt_id) else None

    async def receipt_of_key(self, user_id: str, key: str, now: float) -> Receipt | None:
        return await self._reader.receipt_of_key(user_id, key, now) if _is_text(user_id + key) else None

    async def reusable(self, user_id: str, digest: bytes) -> str | None:
        return await self._reader.reusable(user_id, digest) if _is_text(user_id) else None

    async def user_limits(self) -> AllLimits:
        return await self._reader.user_limits()

    async def set_user_limits(self, limits: UserLimits) -> None:
        columns = rows.limits_columns(limits)
        await self._pool.run(lambda connection: connection.execute(SQL["set_user_limits"], *columns))

    async def delete_user_limits(self, user_id: str) -> bool:
        if not _is_text(user_id):
            return False
        found = await self._pool.run(lambda connection: connection.fetch(SQL["delete_user_limits"], user_id))
        return bool(found)

    async def next_number(self) -> int:
        return await self._numbers.next()

    async def claim(self, assign: Transition, choice: Choice = ANY) -> Claim | None:
        claim: Claim | None = await self._writer.run(operations.Claim(assign, choice))
        return claim

    async def waiting(self) -> Backlog:
        return await self._reader.waiting()

    async def depths(self) -> Depths:
        return await self._reader.depths()

    async def requirements(self, placements: Collection[int]) -> Requirements:
        return await self._reader.requirements(placements)

    async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
        if not _is_text(prompt_id):
            return None
        step: Step | None = await self._writer.run(operations.Apply(prompt_id, transition))
        return step

    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        if prompt_ids is None:
            return await self._forgetting.all()
        return await self._forgetting.some([prompt_id for prompt_id in prompt_ids if _is_text(prompt_id)])

    async def forget_oldest(self, *, limit: int, beyond: int = 0, before: float | None = None) -> PromptIds:
        return await self._forgetting.oldest(limit, beyond, math.inf if before is None else before)

    async def get(self, prompt_id: str) -> Prompt | None:
        return await self._reader.get(prompt_id) if _is_text(prompt_id) else None

    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        return await self._reader.list(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        return await self._reader.keys(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def find(self, search: Search) -> Page:
        return await self._reader.find(search) if _is_text(search.workflow_id) else ([], 0)

    async def lives(self, state: PromptState) -> Lives:
        return await self._reader.lives(state)

    async def limited(self) -> Lives:
        return await self._reader.limited()

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        return await self._reader.events(prompt_id, after_sequence) if _is_text(prompt_id) else None

    async def news(self, after: Mapping[str, int]) -> dict[str, Batch]:
        return await self._reader.news({id_: sequence for id_, sequence in after.items() if _is_text(id_)})

    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        return await self._reader.counts(user)

    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        return await self._reader.owned(prompt_ids, user)

    async def catalogue(self) -> tuple[str, bytes] | None:
        return await self._reader.catalogue()

    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        parameters = (digest, definitions_json, CHANNEL, self._replica)
        await self._pool.run(lambda connection: connection.execute(SQL["save_catalogue"], *parameters))

    async def close(self) -> None:
        if self._listening is not None:
            await self._listening.close()
        await self._writer.close()
        await self._pool.close()


def _is_text(text: str) -> bool:
    """Whether the database is able to keep it: it has no character with the code 0, so nothing is named by one."""
    return "\0" not in text
