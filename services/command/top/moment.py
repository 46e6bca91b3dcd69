"""What there is to see at one moment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.graph.events import NodeFinished, NodeProgress, NodeStarted
from services.queue.client import QueueClient
from services.queue.records import Depths, Event, Executors, Prompt, PromptState, Search

#: Prompts that are listed of each sort.
LISTED = 50

#: Seconds over which ends are counted.
WINDOW = 60.0

FINISHED = frozenset(state for state in PromptState if state.is_terminal)


@dataclass(frozen=True)
class Progress:
    """How far a prompt is."""

    node_id: str
    value: float = 0.0
    #: 0 where the node does not say
    maximum: float = 0.0
    #: since the node began, in seconds
    began_at: float = 0.0

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.value / self.maximum) if self.maximum > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """At the pace so far; None where that is not known."""
        if not 0 < self.share < 1:
            return None
        return (now - self.began_at) * (1 - self.share) / self.share


@dataclass
class Story:
    """What was heard of the prompts that run, and when others ended."""

    progress: dict[str, Progress] = field(default_factory=dict)
    ends: deque[float] = field(default_factory=deque)

    def hear(self, events: Sequence[Event]) -> None:
        """Take in what happened."""
        for event in events:
            match event.body:
                case NodeStarted(node):
                    self.progress[event.prompt_id] = Progress(node.display_node_id, began_at=event.happened_at)
                case NodeProgress(node, value, maximum):
                    known = self.progress.get(event.prompt_id)
                    same = known is not None and known.node_id == node.display_node_id
                    began_at = known.began_at if known is not None and same else event.happened_at
                    self.progress[event.prompt_id] = Progress(node.display_node_id, value, maximum, began_at)
                case NodeFinished():
                    self.progress.pop(event.prompt_id, None)
            if event.is_terminal:
                self.progress.pop(event.prompt_id, None)
                self.ends.append(event.happened_at)

    def ends_until(self, now: float) -> int:
        """Prompts of whose end was heard in the last minute."""
        while self.ends and self.ends[0] < now - WINDOW:
            self.ends.popleft()
        return len(self.ends)


@dataclass(frozen=True)
class Moment:
    """What the queue tells."""

    seen_at: float
    executors: Executors
    depths: Depths
    #: longest first
    running: Sequence[Prompt]
    #: ids, in the order in which they will run
    waiting: Sequence[str]
    #: latest first
    finished: Sequence[Prompt]

    def ended_lately(self, story: Story) -> int:
        """Prompts that ended in the last minute: as far as they are listed, or were heard of."""
        listed = sum((prompt.finished_at or 0.0) >= self.seen_at - WINDOW for prompt in self.finished)
        return max(listed, story.ends_until(self.seen_at))


async def look(queue: QueueClient) -> Moment:
    """Ask the queue.

    Raises:
        ServiceError: it does not answer.
    """
    running, _ = await queue.find(Search(states=frozenset({PromptState.RUNNING}), limit=LISTED))
    finished, _ = await queue.find(Search(states=FINISHED, limit=LISTED))
    waiting = await queue.keys({PromptState.PENDING}, limit=LISTED)
    return Moment(
        seen_at=time.time(),
        executors=await queue.executors(),
        depths=await queue.depths(),
        running=sorted(running, key=lambda prompt: prompt.started_at or 0.0),
        waiting=[key.prompt_id for key in waiting],
        finished=sorted(finished, key=lambda prompt: prompt.finished_at or 0.0, reverse=True),
    )
