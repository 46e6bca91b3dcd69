"""What it costs to reach a node pack: `python -m bench.packs`, a pack's HTTP handlers through the whole stack."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from bench.client import Client, connected, own_stack
from bench.path import seconds, show, tiny_prompt

CALLS = 200
SUBMISSIONS = 100
MIB = 1 << 20

PACK = f"""
from aiohttp import web
from server import PromptServer

routes = PromptServer.instance.routes

@routes.get("/bench/small")
async def small(request):
    return web.Response(text="small")

@routes.get("/bench/large")
async def large(request):
    return web.Response(body=bytes(64 * {MIB}))

NODE_CLASS_MAPPINGS = {{}}
"""
WITH_PROMPTS = "PromptServer.instance.add_on_prompt_handler(lambda submitted: submitted)\n"


async def main() -> None:
    """Measure a stack whose pack has handlers, and one whose pack also wants to see prompts."""
    print(f"{'':<45} {'median':>9} [{'best':>8}]")
    async with _stack_with(PACK) as client:
        show("GET a handler", [await seconds(lambda: client.get("/bench/small")) for _ in range(CALLS)], 1e3, "ms")
        whole = [await seconds(lambda: client.get("/bench/large")) for _ in range(5)]
        show("GET 64 MiB from a handler", [64 / taken for taken in whole], 1, "MB/s [worst]")
        await _submissions(client, "POST /prompt")
    async with _stack_with(PACK + WITH_PROMPTS) as client:
        await _submissions(client, "POST /prompt, seen by a pack")


async def _submissions(client: Client, what: str) -> None:
    prompts: set[str] = set()

    async def submit() -> None:
        prompts.add(await client.submit(tiny_prompt(len(prompts) + 1)))

    await client.run(tiny_prompt(0))
    show(what, [await seconds(submit) for _ in range(SUBMISSIONS)], 1e3, "ms")
    await client.ended(prompts)


@contextlib.asynccontextmanager
async def _stack_with(pack: str) -> AsyncIterator[Client]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "measured.py").write_text(pack)
        async with own_stack(Path(folder)) as stack, connected(stack.url) as client:
            await _answers(client)
            yield client


async def _answers(client: Client) -> None:
    """Return once the pack is loaded, and known to be."""
    while True:
        with contextlib.suppress(httpx.HTTPStatusError):
            await client.get("/bench/small")
            return
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
