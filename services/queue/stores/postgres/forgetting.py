"""Deleting what has finished, in transactions of its own: the writer has better things to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.database.postgres import Pool
from services.queue.records import PromptIds
from services.queue.stores.postgres.sql import CHANNEL, SQL

#: Prompts that are forgotten in one transaction; nobody waits for a longer one.
AT_ONCE = 2000


class Forgetting:
    """What `QueueStore.forget` does."""

    def __init__(self, pool: Pool, *, shard: int, replica: str) -> None:
        self._pool = pool
        self._parameters = (shard, CHANNEL, replica)

    async def some(self, prompt_ids: Collection[str], rows: Collection[int] = ()) -> PromptIds:
        """Those of these that have finished."""
        parameters = (list(prompt_ids), list(rows), *self._parameters)
        gone = await self._pool.run(lambda connection: connection.fetch(SQL["forget"], *parameters))
        return [prompt_id for (prompt_id,) in gone]

    async def all(self) -> PromptIds:
        """All that have finished."""
        forgotten: PromptIds = []
        last = 0
        while rows := await self._rows("finished_after", last, AT_ONCE):
            last = rows[-1]
            forgotten += await self.some([], rows)
        return forgotten

    async def oldest(self, limit: int, beyond: int, before: float) -> PromptIds:
        """See `QueueStore.forget_oldest`."""
        if beyond:
            (finished,) = await self._rows("finished_prompts")
            limit = max(0, min(limit, finished - beyond))
        forgotten: PromptIds = []
        while limit and (rows := await self._rows("oldest_finished", before, min(limit, AT_ONCE))):
            forgotten += await self.some([], rows)
            limit -= len(rows)
        return forgotten

    async def _rows(self, query: str, *parameters: object) -> Sequence[int]:
        found = await self._pool.run(lambda connection: connection.fetch(SQL[query], *parameters))
        return [row for (row,) in found]
