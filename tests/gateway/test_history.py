"""Entries that are kept stay true, and few."""

from __future__ import annotations

import json

import pytest

from services.gateway import history
from services.gateway.history import FEW, History
from tests.gateway.stack import GRAPH, Gateway, gateway


async def page(gateway: Gateway, query: str = "max_items=5") -> dict[str, object]:
    found: dict[str, object] = (await gateway.http.get(f"/history?{query}")).json()
    return found


async def test_a_page_read_again_is_the_same_with_what_came_since() -> None:
    async with gateway() as running:
        ids = [await running.submit() for _ in range(FEW + 4)]
        await running.finished(ids[-1])
        first = await page(running, "max_items=64")
        assert list(first) == ids
        assert await page(running, "max_items=64") == first == (await running.http.get("/history")).json()
        ids.append(await running.submit())
        await running.finished(ids[-1])
        assert list(await page(running, "max_items=64")) == ids
        assert list(await page(running, "max_items=2&offset=1")) == ids[1:3]


async def test_what_was_forgotten_is_gone_even_when_its_id_comes_back() -> None:
    async with gateway() as running:
        for color in (1, 2):
            graph = {**GRAPH, "1": {**GRAPH["1"], "inputs": {**GRAPH["1"]["inputs"], "color": color}}}
            answer = await running.http.post("/prompt", json={"prompt": graph, "prompt_id": "p"})
            assert answer.status_code == 200
            await running.finished("p")
            entry = (await page(running))["p"]
            assert f'"color": {color}' in json.dumps(entry)
            await running.http.post("/history", json={"delete": ["p"]})
            assert await page(running) == {}


async def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway() as running:
        ids = [await running.submit(prompt_id=f"p{number:02}") for number in range(FEW + 4)]
        await running.finished(ids[-1])
        entries = History()
        whole = await entries.page(running.queue, limit=64)
        monkeypatch.setattr(history, "MAX_BYTES", 3 * len(whole[0]))
        small = History()
        for _ in range(3):
            assert await small.page(running.queue, limit=64) == whole
            assert await small.page(running.queue, limit=4) == whole[:4]
        assert small.size <= 3 * len(whole[0])
