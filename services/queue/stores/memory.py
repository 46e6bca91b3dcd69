"""A store in memory: for tests and for trying things; nothing survives the process."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from services.queue import life as lives
from services.queue.life import Life, Step, Transition
from services.queue.records import (
    Accepted,
    Event,
    Keys,
    Page,
    Prompt,
    PromptIds,
    PromptKey,
    PromptOrder,
    PromptState,
    Search,
)
from services.queue.stores.base import Claim, Lives, NewPrompt, QueueStore, Receipt, StoredEvents

#: What a search does not answer.
_LEFT_OUT: dict[str, Any] = {"graph_json": b"", "extra_data_json": b"", "output_node_ids": ()}


class _Kept(msgspec.Struct):
    position: int
    new: NewPrompt
    life: Life
    events: list[Event]


class MemoryStore(QueueStore):
    """Keeps everything in one dictionary of the event loop's thread."""

    def __init__(self) -> None:
        self._prompts: dict[str, _Kept] = {}
        self._positions = itertools.count()
        self._numbers = itertools.count()
        self._catalogue: tuple[str, bytes] | None = None

    async def add(self, new: NewPrompt) -> Receipt:
        if new.prompt_id not in self._prompts:
            step = lives.submit(new.prompt_id, new.client_id, new.submitted_at)
            self._prompts[new.prompt_id] = _Kept(next(self._positions), new, step.life, [])
            self._commit(step)
        return _receipt(self._prompts[new.prompt_id].new)

    async def receipt(self, prompt_id: str) -> Receipt | None:
        kept = self._prompts.get(prompt_id)
        return _receipt(kept.new) if kept else None

    async def next_number(self) -> int:
        return next(self._numbers)

    async def claim(self, assign: Transition) -> Claim | None:
        for kept in self._in_order({PromptState.PENDING}):
            step = assign(kept.life)
            if step is not None:
                self._commit(step)
                return Claim(step.life, kept.new.graph_json, kept.new.extra_data_json, kept.new.output_node_ids)
        return None

    async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
        kept = self._prompts.get(prompt_id)
        step = transition(kept.life) if kept else None
        return self._commit(step) if step else None

    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        chosen = self._prompts if prompt_ids is None else [id for id in prompt_ids if id in self._prompts]
        finished = [id for id in dict.fromkeys(chosen) if self._prompts[id].life.state.is_terminal]
        for prompt_id in finished:
            del self._prompts[prompt_id]
        return finished

    async def get(self, prompt_id: str) -> Prompt | None:
        kept = self._prompts.get(prompt_id)
        return _prompt(kept) if kept else None

    async def list(self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool) -> Page:
        ordered = self._in_order(states)
        rest = ordered[offset:]
        if limit:
            rest = rest[-limit:] if from_end else rest[:limit]
        return [_prompt(kept) for kept in rest], len(ordered)

    async def keys(self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool) -> Keys:
        prompts, _ = await self.list(states, limit=limit, offset=offset, from_end=from_end)
        return [PromptKey(prompt.prompt_id, prompt.finished_at) for prompt in prompts]

    async def find(self, search: Search) -> Page:
        kept = [kept for kept in self._prompts.values() if kept.life.state in search.states]
        if search.workflow_id:
            kept = [one for one in kept if one.new.workflow_id == search.workflow_id]
        kept.sort(key=_age if search.order is PromptOrder.SUBMITTED else _brevity, reverse=search.reversed)
        rest = kept[search.offset :]
        found = rest[: search.limit] if search.limit else rest
        return [msgspec.structs.replace(_prompt(one), **_LEFT_OUT) for one in found], len(kept)

    async def lives(self, state: PromptState) -> Lives:
        return [kept.life for kept in self._in_order({state})]

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        kept = self._prompts.get(prompt_id)
        if kept is None:
            return None
        return kept.life.state, [event for event in kept.events if event.sequence > after_sequence]

    async def counts(self) -> dict[PromptState, int]:
        return Counter(kept.life.state for kept in self._prompts.values())

    async def catalogue(self) -> tuple[str, bytes] | None:
        return self._catalogue

    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        self._catalogue = digest, definitions_json

    async def close(self) -> None:
        pass

    def _commit(self, step: Step) -> Step:
        kept = self._prompts[step.life.prompt_id]
        kept.life = step.life
        open_prompts = sum(not other.life.state.is_terminal for other in self._prompts.values())
        stamped = step.stamped(open_prompts)
        kept.events += [event for event in stamped.events if event.is_durable]
        self._tell(stamped)
        return stamped

    def _in_order(self, states: Collection[PromptState]) -> Sequence[_Kept]:
        return sorted((kept for kept in self._prompts.values() if kept.life.state in states), key=_place)


def _place(kept: _Kept) -> tuple[int, float, int]:
    match kept.life.state:
        case PromptState.PENDING:
            return 0, kept.new.number, kept.position
        case PromptState.RUNNING:
            return 1, kept.life.started_at or 0.0, kept.position
    return 2, kept.life.finished_at or 0.0, kept.position


def _age(kept: _Kept) -> int:
    return -kept.position


def _brevity(kept: _Kept) -> tuple[float, int]:
    began, ended = kept.life.started_at, kept.life.finished_at
    return (began - ended if began is not None and ended is not None else 0.0), kept.position


def _receipt(new: NewPrompt) -> Receipt:
    return Receipt(Accepted(new.prompt_id, new.number, new.node_errors_json), new.content_digest)


def _prompt(kept: _Kept) -> Prompt:
    return Prompt(
        prompt_id=kept.new.prompt_id,
        state=kept.life.state,
        number=kept.new.number,
        graph_json=kept.new.graph_json,
        extra_data_json=kept.new.extra_data_json,
        client_id=kept.new.client_id,
        output_node_ids=kept.new.output_node_ids,
        submitted_at=kept.life.submitted_at,
        started_at=kept.life.started_at,
        finished_at=kept.life.finished_at,
        attempts=kept.life.attempts,
        workflow_id=kept.new.workflow_id,
        events=tuple(kept.events) if kept.life.state.is_terminal else (),
    )
