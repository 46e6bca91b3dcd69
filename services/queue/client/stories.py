"""What was told of each prompt, when several replicas tell it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from services.queue.records import Event, Requeued, Submitted

#: Ended prompts that are remembered, so that nothing of them is told again.
MAX_ENDED = 4096


@dataclass
class _Story:
    #: of the last durable event that was told
    sequence: int
    #: when it was submitted; None when that was not told
    submitted_at: float | None = None
    is_running: bool = False


class Stories:
    """Decides which events are news: durable ones once and in order, the others unless they are overtaken."""

    def __init__(self) -> None:
        self._open: dict[str, _Story] = {}
        self._ended: OrderedDict[str, _Story] = OrderedDict()

    def begin(self, prompt_id: str, sequence: int) -> None:
        """Take everything up to this number as told."""
        self._open[prompt_id] = _Story(sequence)

    def sequence(self, prompt_id: str) -> int:
        """Of the last durable event that was told of a prompt."""
        story = self._story(prompt_id)
        return story.sequence if story else 0

    def running(self) -> list[str]:
        """The prompts that run, as far as was told."""
        return [prompt_id for prompt_id, story in self._open.items() if story.is_running]

    def has_ended(self, prompt_id: str) -> bool:
        """Whether its end was told."""
        return prompt_id in self._ended

    def missing_before(self, event: Event) -> int | None:
        """After which number something is to be told before this event; None when nothing is missing.

        What one replica tells of a prompt may overtake what another one told of it before.
        """
        told = self.sequence(event.prompt_id)
        return told if event.sequence - event.is_durable > told else None

    def take(self, event: Event) -> bool:
        """Whether the event is news; then it counts as told."""
        story = self._story(event.prompt_id)
        if not event.is_durable:
            return story is None or (event.sequence == story.sequence and event.prompt_id in self._open)
        if story is not None and event.sequence <= story.sequence and not _begins_again(event, story):
            return False
        self._tell(event, story)
        return True

    def _tell(self, event: Event, story: _Story | None) -> None:
        if isinstance(event.body, Submitted):
            self._ended.pop(event.prompt_id, None)
            story = _Story(0, event.happened_at)
        story = story or _Story(0)
        story.sequence = event.sequence
        story.is_running = not isinstance(event.body, Submitted | Requeued)
        if event.is_terminal:
            self._open.pop(event.prompt_id, None)
            self._ended[event.prompt_id] = story
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)
        else:
            self._open[event.prompt_id] = story

    def _story(self, prompt_id: str) -> _Story | None:
        return self._open.get(prompt_id) or self._ended.get(prompt_id)


def _begins_again(event: Event, story: _Story) -> bool:
    """Whether the event begins the life of another prompt that has the id of one that was forgotten."""
    is_later = story.submitted_at is not None and event.happened_at > story.submitted_at
    return isinstance(event.body, Submitted) and is_later
