"""A real file service that is killed at any moment: everything there is whole, everything answered for is there."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.files.crash_clients import Client
from tests.files.test_service import service

CLIENTS = 6
CRASHES = 4

#: Others find the same; what they kill in the middle of is up to the machine.
SEED = 7


async def test_whenever_a_service_is_killed_all_files_are_whole_and_as_they_were_answered_for(tmp_path: Path) -> None:
    seed = random.Random(SEED)
    clients = [Client(f"client {number}", random.Random(seed.random())) for number in range(CLIENTS)]
    for _ in range(CRASHES):
        async with service(tmp_path) as (process, connection):
            for client in clients:
                await client.check(connection)
            wanted = seed.randint(1, 60)
            enough = asyncio.Event()
            answers = 0

            def answered(wanted: int = wanted, enough: asyncio.Event = enough) -> None:
                nonlocal answers
                answers += 1
                if answers == wanted:
                    enough.set()

            tasks = [asyncio.create_task(client.work(connection, answered)) for client in clients]
            waiting = asyncio.create_task(enough.wait())
            await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
            process.kill()
            waiting.cancel()
            await asyncio.gather(*tasks)
    async with service(tmp_path) as (_, connection):
        for client in clients:
            await client.check(connection)
    assert list((tmp_path / ".incoming").iterdir()) == []
    assert all(path.stat().st_nlink == 1 for path in (tmp_path / "output").rglob("*") if path.is_file())
