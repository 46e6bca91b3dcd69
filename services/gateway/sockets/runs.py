"""The prompts that clients are or may be told about, within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterable

from services.gateway.sockets.run import Run
from services.queue.records import Event

#: Seconds for which an ended prompt is remembered, and how many prompts are, about.
RUN_MEMORY = 300.0
MAX_RUNS = 2048

#: Bytes of events that are kept because nobody was there to be told.
MAX_KEPT_BYTES = 32 << 20

#: Seconds, and prompts beyond `MAX_RUNS`, after which the memory is cleaned.
CLEAN_EVERY = 10.0
CLEAN_SURPLUS = 256


class Runs:
    """By id, and by client in the order in which they came."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._by_client: dict[str, dict[str, Run]] = {}
        self._bytes = 0
        self._cleaned_at = time.monotonic()

    def of(self, event: Event) -> Run:
        """The prompt that an event is of."""
        run = self._runs.get(event.prompt_id)
        if run is None:
            run = self._runs[event.prompt_id] = Run(event.prompt_id, event.client_id)
            self._by_client.setdefault(run.client_id, {})[run.prompt_id] = run
        return run

    def apply(self, run: Run, event: Event) -> bool:
        """Take in an event; False when it is known already or has been overtaken."""
        before = run.kept_bytes
        applied = run.apply(event)
        self._bytes += run.kept_bytes - before
        return applied

    def delivered(self, prompt_id: str, sequence: int) -> None:
        """A client was sent the durable events of a prompt up to this one."""
        run = self._runs.get(prompt_id)
        if run is not None:
            before = run.kept_bytes
            run.deliver(sequence)
            self._bytes += run.kept_bytes - before

    def of_client(self, client_id: str) -> list[Run]:
        """The prompts of a client."""
        return list(self._by_client.get(client_id, {}).values())

    def under_way(self) -> list[str]:
        """Ids of the prompts that have begun and of which no end is known."""
        return [run.prompt_id for run in self._runs.values() if run.is_under_way]

    def forget(self, prompt_id: str) -> None:
        """The prompt does not exist any more."""
        run = self._runs.pop(prompt_id, None)
        if run is not None:
            self._bytes -= run.kept_bytes
            siblings = self._by_client[run.client_id]
            del siblings[prompt_id]
            if not siblings:
                del self._by_client[run.client_id]

    def clean(self) -> None:
        """Forget what ended long ago, the oldest of what does not run, and what the oldest showed, where it is much."""
        if self._bytes > MAX_KEPT_BYTES:
            self._shorten(self._runs.values())
        now = time.monotonic()
        surplus = len(self._runs) - MAX_RUNS
        if now < self._cleaned_at + CLEAN_EVERY and surplus < CLEAN_SURPLUS:
            return
        self._cleaned_at = now
        idle = [run for run in self._runs.values() if not run.is_under_way]
        for index, run in enumerate(idle):
            if index < surplus or (run.ended_at is not None and run.ended_at < now - RUN_MEMORY):
                self.forget(run.prompt_id)

    def _shorten(self, oldest_first: Iterable[Run]) -> None:
        for run in oldest_first:
            if self._bytes <= MAX_KEPT_BYTES // 2:
                return
            before = run.kept_bytes
            run.shorten()
            self._bytes += run.kept_bytes - before
