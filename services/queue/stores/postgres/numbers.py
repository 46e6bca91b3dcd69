"""The counter of submissions, which all replicas share."""

from __future__ import annotations

import asyncio

from services.database.postgres import Pool
from services.queue.stores.postgres.sql import SQL

_Waiting = list[asyncio.Future[int]]


class Numbers:
    """Draws numbers for everybody who waits for one at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: _Waiting = []
        self._drawing: asyncio.Task[None] | None = None

    async def next(self) -> int:
        """The next number, from 0.

        Raises:
            Unavailable: the database cannot be reached.
        """
        number: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(number)
        if self._drawing is None:
            self._drawing = asyncio.create_task(self._draw())
        return await number

    async def _draw(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await self._serve(waiting)
        self._drawing = None

    async def _serve(self, waiting: _Waiting) -> None:
        try:
            drawn = await self._pool.run(lambda connection: connection.fetch(SQL["next_numbers"], len(waiting)))
        except Exception as error:
            for number in waiting:
                if not number.done():
                    number.set_exception(error)
            return
        for number, row in zip(waiting, drawn, strict=True):
            if not number.done():  # the caller left
                number.set_result(row[0])
