"""How long it takes until an interrupted prompt has ended: `python -m bench.interrupting`, on a stack of its own.

One node looks every 10 ms whether it is to stop, another one never does and loses its worker after the time that
executors give it, here one second. Measured are: until the request was answered, until the prompt had ended
(`InterruptPromptsRequest.wait_ms`), and until the prompt behind it had begun.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import statistics
import time
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import own_stack
from services.command.stack import RunningStack
from services.graph.events import NodeStarted
from services.queue.client import QueueClient
from services.queue.records import Submission

#: Rounds of each kind of node.
ROUNDS = {"Listening": 50, "Deaf": 5}
#: Seconds that executors give a node.
GRACE = 1.0

_PACK = Path(__file__).parent / "stopping_nodes"
_numbers = itertools.count()


async def submitted(client: QueueClient, class_type: str) -> str:
    """A prompt of one node."""
    graph = {"1": {"class_type": class_type, "inputs": {"number": next(_numbers)}}}
    return (await client.submit(Submission(graph_json=json.dumps(graph).encode()))).prompt_id


async def begun(client: QueueClient, prompt_id: str) -> None:
    """Wait until a node of a prompt runs."""
    async with aclosing(client.watch(prompt_id)) as batches:
        async for batch in batches:
            if any(isinstance(event.body, NodeStarted) for event in batch):
                return


async def measured(client: QueueClient, class_type: str) -> tuple[list[float], list[float]]:
    """Seconds of each round until the prompt had ended, and until the next one had begun."""
    ends: list[float] = []
    following: list[float] = []
    prompt_id = await submitted(client, class_type)
    for _ in range(ROUNDS[class_type]):
        await begun(client, prompt_id)
        behind = await submitted(client, class_type)
        began = time.perf_counter()
        _, ended = await client.interrupt([prompt_id], wait=20.0)
        ends.append(time.perf_counter() - began)
        assert ended == [prompt_id], "it did not end"
        await begun(client, behind)
        following.append(time.perf_counter() - began)
        prompt_id = behind
    await begun(client, prompt_id)
    await client.interrupt([prompt_id], wait=20.0)
    return ends, following


async def answered(client: QueueClient) -> list[float]:
    """Seconds until a request was answered that does not wait for the end."""
    taken = []
    for _ in range(ROUNDS["Listening"]):
        prompt_id = await submitted(client, "Listening")
        await begun(client, prompt_id)
        began = time.perf_counter()
        await client.interrupt([prompt_id])
        taken.append(time.perf_counter() - began)
    return taken


def row(label: str, taken: list[float]) -> str:
    """A line of the table."""
    return f"{label:<56}{statistics.median(taken) * 1e3:>10.1f}{min(taken) * 1e3:>10.1f}{max(taken) * 1e3:>10.1f}"


async def table(client: QueueClient) -> None:
    """Measure everything."""
    print(f"{'milliseconds':<56}{'median':>10}{'best':>10}{'worst':>10}")
    print(row("the request alone is answered", await answered(client)), flush=True)
    for class_type, label in (("Listening", "a node that looks every 10 ms"), ("Deaf", "a node that never looks")):
        ends, following = await measured(client, class_type)
        print(row(f"{label}: the prompt has ended", ends))
        print(row(f"{label}: the next one has begun", following), flush=True)


def _address(stack: RunningStack) -> str:
    arguments = stack.children["queue"].arguments
    return arguments[arguments.index("--listen") + 1]


async def main() -> None:
    """Measure, and print a table."""
    os.environ["SILVERPRINT_INTERRUPT_SECONDS"] = str(GRACE)
    with TemporaryDirectory() as folder:
        (Path(folder) / _PACK.name).symlink_to(_PACK)
        async with own_stack(Path(folder)) as stack, QueueClient(_address(stack)) as client:
            await table(client)


if __name__ == "__main__":
    asyncio.run(main())
