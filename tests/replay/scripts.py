"""What the clients of the recorded sessions did."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable

from PIL import Image

from tests.replay.performance import Performance

Script = Callable[[Performance], Awaitable[None]]


async def one_after_another(performance: Performance) -> None:
    """Everybody connects; then the requests are made, each after the end of the one before."""
    await performance.connect(*performance.recorded["clients"])
    while performance.requests_left:
        await performance.run()


async def interrupted(performance: Performance) -> None:
    """Interruptions that name another prompt, this prompt, none, and nothing that runs."""
    await performance.connect("submitter", "observer")
    submitter = performance.clients["submitter"]
    first = await performance.submit()
    await performance.ask()
    await submitter.told("progress", prompt_id=first, value=4)
    await performance.ask()
    await performance.ended(first)
    second = await performance.submit()
    await submitter.told("progress", prompt_id=second, value=1)
    await performance.ask()
    await performance.ended(second)
    await performance.ask()
    await performance.run()


async def no_client_id(performance: Performance) -> None:
    """An observer of somebody else's prompt, which is interrupted."""
    await performance.connect("observer")
    await performance.ask()
    await performance.clients["observer"].told("progress", value=3)
    await performance.ask()


async def queue_ops(performance: Performance) -> None:
    """Prompts are queued and taken back while one runs."""
    await performance.connect("submitter")
    running = await performance.submit()
    await performance.clients["submitter"].told("progress", value=1)
    while performance.requests_left:
        await performance.ask()
    await performance.ended(running)


async def two_clients(performance: Performance) -> None:
    """The second client submits while the first one's prompt runs."""
    await performance.connect("A", "B")
    await performance.ask()
    await performance.clients["A"].told("executing", node="2")
    second = await performance.submit()
    await performance.ask()
    await performance.ended(second)


async def heap_conflict(performance: Performance) -> None:
    """Two prompts of one id are submitted while another one runs, of which nothing more is known."""
    while performance.requests_left:
        await performance.ask()
    await performance.interrupt()


async def reconnect_mid_run(performance: Performance) -> None:
    """The client leaves in the middle, and comes back when more has happened."""
    await performance.connect("first")
    prompt_id = await performance.submit()
    first = performance.clients["first"]
    await first.told("progress", value=2)
    await first.leave()
    await asyncio.sleep(0.6)  # two steps of a quarter of a second
    await performance.connect("second")
    await performance.ended(prompt_id)


async def duplicate_client_id(performance: Performance) -> None:
    """Two sockets of one client, of which the older one leaves."""
    await performance.connect("older", "newer")
    await performance.run()
    await performance.clients["older"].told("executing", node=None)
    await performance.clients["older"].leave()
    await performance.run()


async def connect(performance: Performance) -> None:
    """Clients without an id, with an empty one, with one of their own; each leaves before the next one comes."""
    for name in ("none", "empty", "own"):
        await performance.connect(name)


async def feature_flags(performance: Performance) -> None:
    """What is said before the flags, and instead of them."""
    flags = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
    said: dict[str, tuple[str | bytes, ...]] = {
        "flags_then_again": (flags, flags),
        "other_first": (json.dumps({"type": "hello"}), flags),
        "nonjson_first": ("not json", flags),
        "no_data": (json.dumps({"type": "feature_flags"}),),
        "list_first": (json.dumps([1]), flags),
        "binary_first": (b"binary", flags),
    }
    for name, messages in said.items():
        await performance.connect(name)
        for message in messages:
            await performance.clients[name].say(message)


async def load_image_hash(performance: Performance) -> None:
    """The input is the same file, the same bytes at another time, and other bytes."""
    await performance.connect("submitter")
    path = performance.stack.data / "input" / "hash.png"
    Image.new("RGB", (16, 16), "red").save(path)
    await performance.run()
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 10))
    await performance.run()
    Image.new("RGB", (16, 16), "blue").save(path)
    await performance.run()


SCRIPTS: dict[str, Script] = {
    script.__name__: script
    for script in (
        connect,
        duplicate_client_id,
        feature_flags,
        heap_conflict,
        interrupted,
        load_image_hash,
        no_client_id,
        queue_ops,
        reconnect_mid_run,
        two_clients,
    )
}
