"""A recorded session, performed again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import httpx

from tests.e2e.stack import PATIENCE, Stack
from tests.recordings import Outcome, body_of, session
from tests.replay.client import Client, connected

#: Seconds to wait for frames that were recorded and do not come.
DISAPPOINTMENT = 5.0


class Performance:
    """Does what the clients of a recorded session did, and notes what they were told."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.recorded = session(name)
        self.clients: dict[str, Client] = {}
        #: recorded ids of prompts to ours
        self._ids: dict[str, str] = {}
        self._answers: list[dict[str, Any]] = []
        self._http = httpx.AsyncClient(base_url=stack.url, timeout=PATIENCE, trust_env=False)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Wait until nothing of earlier performances runs."""
        await self._open.enter_async_context(self._http)
        await self._found("/prompt", lambda answer: answer["exec_info"]["queue_remaining"] == 0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    async def connect(self, *names: str) -> None:
        """Open the sockets of these clients."""
        for name in names:
            recorded = self.recorded["clients"][name]
            client = await self._open.enter_async_context(connected(self.stack, recorded["id"]))
            self.clients[name] = client
            if "flags" in recorded:
                await client.negotiate(recorded["flags"])

    async def ask(self) -> dict[str, Any]:
        """Make the next request of those that were recorded."""
        asked = self.recorded["requests"][len(self._answers)]
        content = body_of(asked)
        for recorded, ours in self._ids.items():
            content = content.replace(recorded.encode(), ours.encode())
        answer = await self._http.request(asked.get("method", "POST"), asked["path"], content=content)
        body: Any = answer.json() if answer.content else None
        if asked["path"] == "/prompt" and "body" in asked and answer.status_code == 200:
            self._ids[asked["answer"]["prompt_id"]] = body["prompt_id"]
        if asked.get("pending"):
            body = [item[1] for item in body["queue_pending"]]
        self._answers.append({"status": answer.status_code, "body": body})
        return self._answers[-1]

    async def submit(self) -> str:
        """Make the next request, which submits a prompt; returns its id."""
        return str((await self.ask())["body"]["prompt_id"])

    async def interrupt(self) -> None:
        """Stop what runs for as long as it takes."""
        await self._http.post("/interrupt")

    async def run(self) -> None:
        """Make the next request; if it is a prompt that is accepted, wait for its end."""
        answer = await self.ask()
        if answer["status"] == 200 and answer["body"] and "prompt_id" in answer["body"]:
            await self.ended(answer["body"]["prompt_id"])

    async def ended(self, prompt_id: str) -> dict[str, Any]:
        """The history entry of a prompt, once it has ended."""
        entry: dict[str, Any] = (await self._found(f"/history/{prompt_id}", bool))[prompt_id]
        return entry

    async def _found(self, path: str, condition: Callable[[Any], bool]) -> Any:
        """The first answer that meets a condition."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = (await self._http.get(path)).json()
                if condition(answer):
                    return answer
                await asyncio.sleep(0.02)

    @property
    def requests_left(self) -> int:
        """How many requests were not made yet."""
        return len(self.recorded["requests"]) - len(self._answers)

    async def outcome(self, expected: Outcome) -> Outcome:
        """What came of it, once the last of the frames have come that are expected."""
        for name, client in self.clients.items():
            await client.told_as_often(expected["frames"][name], DISAPPOINTMENT)
            await client.settled()
        return {
            "answers": self._answers,
            "frames": {name: client.frames for name, client in self.clients.items()},
            "history": [await self.ended(self._ids[entry["prompt"][1]]) for entry in self.recorded["history"]],
        }
