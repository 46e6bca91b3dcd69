"""Run a workflow over gRPC and save what it makes: `python docs/examples/pictures.py QUEUE FILES WORKFLOW FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.client import Event, Silverprint


def show(event: Event) -> None:
    print(event.sequence, type(event.body).__name__)


async def main(queue: str, files: str, workflow: bytes, folder: Path) -> None:
    async with Silverprint(queue, files) as server:
        result = await server.run(workflow, on_event=show)
        result.raise_if_failed()
        for output in result.outputs:
            print("saved", await server.save(output, folder))


asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes(), Path(sys.argv[4])))
