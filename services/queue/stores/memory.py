"""A store in memory: for tests and for trying things; nothing survives the process."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from services.graph.requirements import Requirement
from services.queue import life as lives
from services.queue.life import Life, Step, Transition
from services.queue.records import (
    Accepted,
    Depth,
    Depths,
    Event,
    Keys,
    Page,
    Prompt,
    PromptIds,
    PromptKey,
    PromptOrder,
    PromptState,
    Search,
    UserLimits,
)
from services.queue.stores.base import (
    ANY,
    SWEPT_KEYS,
    AllLimits,
    Backlog,
    Choice,
    Claim,
    Keyed,
    Lives,
    NewPrompt,
    QueueStore,
    Receipt,
    Requirements,
    StoredEvents,
    Waiting,
)
from services.queue.stores.fairness import share
from services.queue.stores.memory_api_keys import MemoryApiKeys
from services.queue.stores.memory_outbox import MemoryOutbox
from services.queue.stores.picking import Candidate, pick
from services.queue.webhooks.payload import deliveries_of

#: What a search does not answer.
_LEFT_OUT: dict[str, Any] = {"graph_json": b"", "extra_data_json": b"", "output_node_ids": (), "file_space": ""}


class _Kept(msgspec.Struct):
    position: int
    new: NewPrompt
    life: Life
    events: list[Event]
    tag: float
    passed_over: int = 0
    reused_from: str = ""


class MemoryStore(QueueStore):
    """Keeps everything in one dictionary of the event loop's thread."""

    def __init__(self) -> None:
        self._prompts: dict[str, _Kept] = {}
        self._positions = itertools.count()
        self._numbers = itertools.count()
        self._catalogue: tuple[str, bytes] | None = None
        #: by user and key
        self._keys: dict[tuple[str, str], tuple[Keyed, Accepted]] = {}
        self._requirements: dict[int, Requirement] = {}
        self._user_limits: dict[str, UserLimits] = {}
        #: by priority
        self._virtual_times: dict[int, float] = {}
        #: by priority and user
        self._finishes: dict[tuple[int, str], float] = {}
        self._outbox = MemoryOutbox()
        self._api_keys = MemoryApiKeys()

    @property
    def outbox(self) -> MemoryOutbox:
        return self._outbox

    @property
    def api_keys(self) -> MemoryApiKeys:
        return self._api_keys

    async def add(self, new: NewPrompt) -> Receipt:
        keyed = new.keyed
        if keyed and (receipt := await self.receipt_of_key(keyed.user_id, keyed.key, new.submitted_at)):
            return receipt
        if new.prompt_id not in self._prompts:
            source = self._source(new)
            if source is None:
                kept = _Kept(next(self._positions), new, (step := lives.submit(new.life)).life, [], self._tag(new))
            else:
                step = lives.submit_reused(new.life, source.events, new.reuse.node_ids if new.reuse else ())
                origin = source.reused_from or source.new.prompt_id
                kept = _Kept(next(self._positions), new, step.life, [], 0.0, reused_from=origin)
            self._prompts[new.prompt_id] = kept
            self._requirements[new.requirement.placement] = new.requirement
            if keyed:
                self._keep_key(keyed, _receipt(new).accepted, new.submitted_at)
            self._commit(step)
        return _receipt(self._prompts[new.prompt_id].new)

    async def receipt(self, prompt_id: str) -> Receipt | None:
        kept = self._prompts.get(prompt_id)
        return _receipt(kept.new) if kept else None

    async def receipt_of_key(self, user_id: str, key: str, now: float) -> Receipt | None:
        keyed, accepted = self._keys.get((user_id, key), (None, None))
        if keyed is None or accepted is None or keyed.expires_at <= now:
            return None
        return Receipt(accepted, keyed.digest, key)

    async def reusable(self, user_id: str, digest: bytes) -> str | None:
        source = self._last_success(user_id, digest)
        return source.new.prompt_id if source else None

    async def user_limits(self) -> AllLimits:
        return list(self._user_limits.values())

    async def set_user_limits(self, limits: UserLimits) -> None:
        self._user_limits[limits.user_id] = limits

    async def delete_user_limits(self, user_id: str) -> bool:
        return self._user_limits.pop(user_id, None) is not None

    async def next_number(self) -> int:
        return next(self._numbers)

    async def claim(self, assign: Transition, choice: Choice = ANY) -> Claim | None:
        kept = self._chosen(choice)
        step = assign(kept.life) if kept else None
        if kept is None or step is None:
            return None
        self._virtual_times[kept.new.priority] = max(kept.tag, self._virtual_times.get(kept.new.priority, 0.0))
        self._commit(step)
        new = kept.new
        return Claim(
            step.life, new.graph_json, new.extra_data_json, new.output_node_ids, new.file_space, new.traceparent
        )

    async def waiting(self) -> Backlog:
        lives_ = [kept.life for kept in self._in_order({PromptState.PENDING})]
        counts = Counter((life.placement, life.user_id) for life in lives_)
        return [Waiting(placement, user_id, prompts) for (placement, user_id), prompts in counts.items()]

    async def depths(self) -> Depths:
        submitted: dict[tuple[PromptState, int, bool], list[float]] = {}
        for life in (kept.life for kept in self._in_order({PromptState.PENDING, PromptState.RUNNING})):
            submitted.setdefault((life.state, life.priority, bool(life.user_id)), []).append(life.submitted_at)
        return [Depth(*group, len(times), min(times)) for group, times in submitted.items()]

    async def requirements(self, placements: Collection[int]) -> Requirements:
        return [self._requirements[placement] for placement in placements if placement in self._requirements]

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

    async def forget_oldest(self, *, limit: int, beyond: int = 0, before: float | None = None) -> PromptIds:
        finished = self._in_order({state for state in PromptState if state.is_terminal})
        old = [kept for kept in finished if before is None or (kept.life.finished_at or 0.0) < before]
        chosen = [kept.new.prompt_id for kept in old[: max(0, min(limit, len(finished) - beyond))]]
        return await self.forget(chosen)

    async def get(self, prompt_id: str) -> Prompt | None:
        kept = self._prompts.get(prompt_id)
        return _prompt(kept) if kept else None

    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        ordered = [kept for kept in self._in_order(states) if user in (None, kept.new.user_id)]
        rest = ordered[offset:]
        if limit:
            rest = rest[-limit:] if from_end else rest[:limit]
        return [_prompt(kept) for kept in rest], len(ordered)

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        prompts, _ = await self.list(states, limit=limit, offset=offset, from_end=from_end, user=user)
        return [PromptKey(prompt.prompt_id, prompt.finished_at) for prompt in prompts]

    async def find(self, search: Search) -> Page:
        kept = [kept for kept in self._prompts.values() if kept.life.state in search.states]
        kept = [one for one in kept if search.user_id in (None, one.new.user_id)]
        if search.workflow_id:
            kept = [one for one in kept if one.new.workflow_id == search.workflow_id]
        kept.sort(key=_age if search.order is PromptOrder.SUBMITTED else _brevity, reverse=search.reversed)
        rest = kept[search.offset :]
        found = rest[: search.limit] if search.limit else rest
        return [msgspec.structs.replace(_prompt(one), **_LEFT_OUT) for one in found], len(kept)

    async def lives(self, state: PromptState) -> Lives:
        return [kept.life for kept in self._in_order({state})]

    async def limited(self) -> Lives:
        return [kept.life for kept in self._prompts.values() if kept.life.is_limited]

    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        kept = self._prompts.get(prompt_id)
        if kept is None:
            return None
        return kept.life.state, [event for event in kept.events if event.sequence > after_sequence]

    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        return Counter(kept.life.state for kept in self._prompts.values() if user in (None, kept.new.user_id))

    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        known = [self._prompts[prompt_id] for prompt_id in prompt_ids if prompt_id in self._prompts]
        return [kept.new.prompt_id for kept in known if kept.new.user_id == user]

    async def catalogue(self) -> tuple[str, bytes] | None:
        return self._catalogue

    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        self._catalogue = digest, definitions_json

    async def close(self) -> None:
        pass

    def _source(self, new: NewPrompt) -> _Kept | None:
        if new.reuse is None or new.reuse.source == "":
            return None
        return self._last_success(new.user_id, new.reuse.digest, new.reuse.source)

    def _last_success(self, user_id: str, digest: bytes, prompt_id: str | None = None) -> _Kept | None:
        for kept in reversed(self._in_order({PromptState.SUCCEEDED})):
            reuse = kept.new.reuse
            is_equal = reuse is not None and (kept.new.user_id, reuse.digest) == (user_id, digest)
            if is_equal and prompt_id in (None, kept.new.prompt_id):
                return kept
        return None

    def _keep_key(self, keyed: Keyed, accepted: Accepted, now: float) -> None:
        expired = [name for name, (known, _) in self._keys.items() if known.expires_at <= now]
        for name in expired[:SWEPT_KEYS]:
            del self._keys[name]
        self._keys[keyed.user_id, keyed.key] = keyed, accepted

    def _tag(self, new: NewPrompt) -> float:
        user = new.priority, new.user_id
        own = [kept for kept in self._in_order({PromptState.PENDING}) if (kept.new.priority, kept.new.user_id) == user]
        overtaken = next((kept.tag for kept in own if kept.new.number > new.number), None)
        virtual_time = self._virtual_times.get(new.priority, 0.0)
        tag, self._finishes[user] = share(self._finishes.get(user), virtual_time, overtaken, new.weight)
        return tag

    def _chosen(self, choice: Choice) -> _Kept | None:
        waiting = [
            kept
            for kept in self._in_order({PromptState.PENDING})
            if (choice.placements is None or kept.life.placement in choice.placements)
            and (choice.users is None or kept.life.user_id in choice.users)
        ][: choice.window + 1]
        if not waiting:
            return None
        picked = pick([Candidate(kept.new.priority, kept.life.placement, kept.passed_over) for kept in waiting], choice)
        for kept in waiting[:picked]:
            kept.passed_over += 1
        return waiting[picked]

    def _commit(self, step: Step) -> Step:
        kept = self._prompts[step.life.prompt_id]
        kept.life = step.life
        open_prompts = sum(not other.life.state.is_terminal for other in self._prompts.values())
        stamped = step.stamped(open_prompts)
        kept.events += [event for event in stamped.events if event.is_durable]
        if stamped.is_end and kept.new.webhook_urls:
            self._outbox.add(deliveries_of(_prompt(kept), kept.new.webhook_urls))
            stamped = msgspec.structs.replace(stamped, has_deliveries=True)
        self._tell(stamped)
        return stamped

    def _in_order(self, states: Collection[PromptState]) -> Sequence[_Kept]:
        return sorted((kept for kept in self._prompts.values() if kept.life.state in states), key=_place)


def _place(kept: _Kept) -> tuple[float, ...]:
    match kept.life.state:
        case PromptState.PENDING:
            return 0, -kept.new.priority, kept.tag, kept.new.number, kept.position
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
        user_id=kept.new.user_id,
        priority=kept.new.priority,
        run_timeout=kept.new.run_timeout,
        total_timeout=kept.new.total_timeout,
        reused_from=kept.reused_from,
        file_space=kept.new.file_space,
        events=tuple(kept.events) if kept.life.state.is_terminal else (),
    )
