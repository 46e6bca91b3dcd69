"""The log of a queue: what executors write, what it says itself about prompts, and telling those who follow."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from services.errors import InvalidArgument
from services.queue.clock import Clock
from services.queue.events import EventHub
from services.queue.life import Step
from services.queue.log_book import LogBook
from services.queue.logs import LogLine, LogLines
from services.queue.records import Event, Notice

#: Characters that the id of a client may have.
MAX_ID_LENGTH = 256


class LogKeeper:
    """Writes into the book, and tells those who watch all prompts while anybody follows."""

    def __init__(self, hub: EventHub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self._book = LogBook()

    def wrote(self, executor_id: str, lines: LogLines) -> None:
        """Take what an executor wrote."""
        self._write(msgspec.structs.replace(line, executor_id=executor_id) for line in lines.lines)

    def submitted(self, step: Step) -> None:
        """Say that a prompt came, if one did; ComfyUI's clients know the words."""
        if step.before is None:
            self._say("got prompt", step)

    def ended(self, step: Step) -> None:
        """Say how long a prompt ran, if one has ended."""
        life = step.life
        if life.state.is_terminal and life.started_at is not None and life.finished_at is not None:
            self._say(f"Prompt executed in {life.finished_at - life.started_at:.2f} seconds", step)

    def read(self, prompt_id: str) -> list[LogLine]:
        """The latest lines of a prompt, or of all (empty id)."""
        return self._book.read(prompt_id)

    def follow(self, client_id: str, enabled: bool) -> None:
        """Let a client follow, or no longer.

        Raises:
            InvalidArgument: no client is named, or its id is too long.
        """
        if not 0 < len(client_id) <= MAX_ID_LENGTH:
            raise InvalidArgument(f"a client id has 1 to {MAX_ID_LENGTH} characters, not {len(client_id)}")
        if self._book.follow(client_id, enabled):
            self._hub.publish([self._event(self._book.followers)])

    def notices(self) -> list[Event]:
        """What those who begin to watch all prompts are told: who follows, if anybody does."""
        followers = self._book.followers
        return [self._event(followers)] if followers.client_ids else []

    def _say(self, text: str, step: Step) -> None:
        self._write([LogLine(written_at=self._clock.now(), text=f"{text}\n", prompt_id=step.life.prompt_id)])

    def _write(self, lines: Iterable[LogLine]) -> None:
        written = self._book.write(lines)
        if self._book.followers.client_ids:
            self._hub.publish([self._event(written)])

    def _event(self, notice: Notice) -> Event:
        return Event(prompt_id="", sequence=0, happened_at=self._clock.now(), client_id="", body=notice)
