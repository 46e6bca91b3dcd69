"""Reading from one replica what another one may have committed and not told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.errors import NotFound
from services.queue.client.replica import Replica
from services.queue.client.stories import Stories
from services.queue.records import Batch, Event, PromptState

FINISHED = tuple(state for state in PromptState if state.is_terminal)

#: Prompts of each kind that are looked through.
MAX_KEYS = 500


async def missed(replica: Replica, stories: Stories, since: float) -> AsyncGenerator[Batch, None]:
    """Durable events that were not told: of prompts that run, ran as far as was told, or have finished since then.

    Raises:
        Unavailable: the replica cannot be reached.
    """
    running = await replica.keys((PromptState.RUNNING,), limit=MAX_KEYS, from_end=False)
    ended = await replica.keys(FINISHED, limit=MAX_KEYS, from_end=True)
    prompt_ids = dict.fromkeys(key.prompt_id for key in ended if (key.finished_at or 0.0) >= since)
    prompt_ids.update(dict.fromkeys(stories.running()))
    prompt_ids.update(dict.fromkeys(key.prompt_id for key in running))
    for prompt_id in prompt_ids:
        if not stories.has_ended(prompt_id):
            events = await events_after(replica, prompt_id, stories.sequence(prompt_id))
            if events:
                yield events


async def events_after(replica: Replica, prompt_id: str, sequence: int, up_to: int = 0) -> list[Event]:
    """The durable events of a prompt after a number, at least up to another one; none of a prompt that is forgotten.

    Raises:
        Unavailable: the replica cannot be reached.
    """
    events: list[Event] = []
    try:
        async with aclosing(replica.watch(prompt_id, sequence)) as batches:
            async for batch in batches:
                events += [event for event in batch if event.is_durable]
                if (events[-1].sequence if events else sequence) >= up_to:
                    break
    except NotFound:
        pass
    return events
