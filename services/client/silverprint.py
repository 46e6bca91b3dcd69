"""One object for the usual: hand in a workflow, follow it, get what it made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.client.results import Result
from services.errors import ResourceExhausted, Unavailable
from services.files.client import FileClient
from services.files.records import FileKind, FileName
from services.queue.client import QueueClient
from services.queue.records import Event, Submission
from services.queue.results import OutputFile
from services.rpc.security import NONE, Security

#: Seconds for which a queue may be away, as when it is upgraded, before following a prompt fails.
PATIENCE = 60.0

#: Seconds between attempts to reach it.
RETRY_INTERVAL = 0.5

#: A workflow in ComfyUI's API format: node id to {"class_type", "inputs"}, the JSON of that, which is sent as it is, or
#: a `Submission`, which may say more: priority, user, webhook, idempotency key and so on.
Workflow = Mapping[str, Any] | bytes | str | Submission


class Silverprint:
    """A connection to a Silverprint installation; leave the block, or call `close`, to end it.

    Attributes:
        queue: prompts, their order, their history, events, webhooks.
        files: pictures, uploads, models.
    """

    def __init__(
        self,
        queue: str = "127.0.0.1:8190",
        files: str = "127.0.0.1:8191",
        *,
        user: str = "",
        patience: float = PATIENCE,
        security: Security = NONE,
    ) -> None:
        """Where the services are.

        Args:
            queue: "host:port", or several with commas between, replicas of one queue.
            files: "host:port".
            user: whose the prompts are, and their files, as of a gateway with keys; empty for everybody's.
            patience: seconds for which a queue may be away.
            security: the token of the installation, and certificates.
        """
        self.queue = QueueClient(queue, security)
        self.files = FileClient(files, security).within(user)
        self._user = user
        self._patience = patience

    async def __aenter__(self) -> Self:
        await self.queue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections and every stream on them."""
        await self.queue.close()
        await self.files.__aexit__(None, None, None)

    async def submit(self, workflow: Workflow) -> str:
        """Hand in a workflow; returns the prompt's id once it is on disk.

        Raises:
            PromptRejected: it cannot be run; says what is wrong with which input of which node.
            InvalidArgument, AlreadyExists, FailedPrecondition, Unavailable: as the RPC `Submit` says.
        """
        return (await self.queue.submit(self._submission(workflow))).prompt_id

    async def events(
        self, prompt_id: str, *, after_sequence: int = 0, previews: bool = False
    ) -> AsyncGenerator[Event, None]:
        """What happens to a prompt, until it has ended, though the queue may restart meanwhile.

        Every durable event comes once, in order, from after `after_sequence`; of progress and previews the latest.

        Raises:
            NotFound: there is no such prompt.
            Unavailable: the queue was away for longer than `patience`.
        """
        seen, loop = after_sequence, asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            try:
                async with aclosing(self.queue.watch(prompt_id, after_sequence=seen, previews=previews)) as batches:
                    async for batch in batches:
                        deadline = loop.time() + self._patience
                        for event in batch:
                            seen = max(seen, event.sequence)
                            yield event
                return
            except (ResourceExhausted, Unavailable) as error:  # we were slow, or the queue is away: nothing is lost
                if isinstance(error, Unavailable) and loop.time() > deadline:
                    raise
                await asyncio.sleep(RETRY_INTERVAL)

    async def result(self, prompt_id: str, on_event: Callable[[Event], object] | None = None) -> Result:
        """Wait until a prompt has ended; calls `on_event` with everything that happens to it meanwhile.

        Raises:
            NotFound, Unavailable: as `events`.
        """
        async with aclosing(self.events(prompt_id)) as events:
            async for event in events:
                if on_event is not None:
                    on_event(event)
        return Result(await self.queue.get(prompt_id))

    async def run(self, workflow: Workflow, on_event: Callable[[Event], object] | None = None) -> Result:
        """Hand in a workflow and wait for its end; a prompt that fails is a result as well, see `Result.error`.

        Raises as `submit` and `result`.
        """
        return await self.result(await self.submit(workflow), on_event)

    async def read(self, output: OutputFile) -> bytes:
        """The content of a file that a prompt made.

        Raises:
            NotFound: it is not there any more; what was merely shown does not outlive the file service's process.
        """
        async with self.files.open(name_of(output)) as file:
            return await file.read()

    async def save(self, output: OutputFile, folder: Path) -> Path:
        """Write such a file into a folder, under its own name; raises as `read`."""
        content = await self.read(output)
        path = folder / Path(output.filename).name
        await asyncio.to_thread(_write, path, content)
        return path

    def _submission(self, workflow: Workflow) -> Submission:
        if isinstance(workflow, Submission):
            return workflow
        graph = workflow if isinstance(workflow, bytes | str) else json.dumps(workflow)
        graph_json = graph.encode() if isinstance(graph, str) else graph
        return Submission(graph_json=graph_json, user_id=self._user, file_space=self._user)


def name_of(output: OutputFile) -> FileName:
    """What the file service calls a file that a prompt made."""
    return FileName(FileKind(output.kind), output.subfolder, output.filename)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
