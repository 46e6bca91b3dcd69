"""Every state of a few small queues is looked at; and worse state machines are found out."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.queue import life as lives
from services.queue.leases import Leases
from services.queue.life import Deadline, Life, Step
from services.queue.records import PromptState
from services.queue.stores.base import NewPrompt, QueueStore
from services.queue.stores.memory import MemoryStore
from services.queue.stores.sqlite import SqliteStore
from tests.queue.lease_model import RUN_TIMEOUT, TOTAL_TIMEOUT, Action, Exploration, Model, Violation, World

ONE = Model(prompts=1, executors=2, max_attempts=3, max_workers_lost=2, returns=2)
TWO = Model(prompts=2, executors=2, max_attempts=1)

#: Ways into the model that are gone by the stores as well.
WAYS = 60

Worse = Callable[..., Step | None]


@pytest.fixture(scope="module")
def explored() -> Exploration:
    return Exploration(TWO).run()


def test_one_prompt_keeps_every_promise(capsys: pytest.CaptureFixture[str]) -> None:
    _report(Exploration(ONE).run(), capsys)


def test_two_prompts_keep_every_promise(explored: Exploration, capsys: pytest.CaptureFixture[str]) -> None:
    _report(explored, capsys)


def _report(exploration: Exploration, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{len(exploration.worlds):,} states, {exploration.tried:,} transitions tried")  # noqa: T201
    ends = {life.state for world in exploration.worlds.values() if world.is_over for life in world.prompts}
    assert ends == {state for state in PromptState if state.is_terminal}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_the_stores_go_the_same_ways(kind: str, explored: Exploration, tmp_path: Path) -> None:
    """Some of the ways to an end, with a claim in the place of an assignment where the store would choose the same."""
    ends = [world for world in explored.worlds.values() if world.is_over]
    chosen = random.Random(1).sample(ends, min(WAYS, len(ends)))
    store = MemoryStore() if kind == "memory" else await SqliteStore.open(tmp_path / "queue.sqlite3")
    for world in chosen:
        await _go(store, explored.way_to(world), TWO.first())
    await store.close()


async def _go(store: QueueStore, way: list[Action], world: World) -> None:
    told: list[Step] = []
    store.listen(told.append)
    expected = []
    for number, life in enumerate(world.prompts):
        await store.add(_new(life.prompt_id, number))
    prompts = {life.prompt_id: life for life in world.prompts}
    for action in way:
        prompt_id = f"p{action.prompt}"
        step = action.transition(prompts[prompt_id])
        assert step is not None
        is_first = all(life.state is not PromptState.PENDING for life in list(prompts.values())[: action.prompt])
        if action.name == "assign" and is_first:
            claim = await store.claim(action.transition)
            assert claim is not None and claim.life == step.life
        else:
            assert await store.apply(prompt_id, action.transition) is not None
        prompts[prompt_id] = step.life
        expected.append(step)
    assert [step.life for step in told[len(prompts) :]] == [step.life for step in expected]
    for prompt_id, life in prompts.items():
        kept = await store.get(prompt_id)
        assert kept is not None and (kept.state, kept.attempts) == (life.state, life.attempts)
        assert [event.sequence for event in kept.events] == list(range(1, life.sequence + 1))
        assert [event.is_terminal for event in kept.events].count(True) == 1
    assert set(await store.forget(None)) == set(prompts)


def _new(prompt_id: str, number: int) -> NewPrompt:
    return NewPrompt(
        prompt_id=prompt_id,
        client_id="",
        number=number,
        counted=number,
        graph_json=b"{}",
        extra_data_json=b"{}",
        output_node_ids=(),
        node_errors_json=b"{}",
        content_digest=b"",
        submitted_at=0.0,
        run_timeout=RUN_TIMEOUT,
        total_timeout=TOTAL_TIMEOUT,
    )


def with_any_token(original: Worse) -> Worse:
    def worse(life: Life, *, token: str, **more: Any) -> Step | None:
        return original(life, token=life.lease_token or token, **more)

    return worse


def in_any_state(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(msgspec.structs.replace(life, state=PromptState.PENDING), **more)

    return worse


def forgetting_that_it_was_to_stop(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(msgspec.structs.replace(life, interrupt_requested=False), **more)

    return worse


def never_counting(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(life, **(more | {"counts": False}))

    return worse


def not_asking_when_it_was_renewed(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(life, **(more | {"lease_until": life.lease_until}))

    return worse


def taking_all_as_new(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(life, **(more | {"durable_before": None}))

    return worse


def late_for_any_attempt(original: Worse) -> Worse:
    def worse(life: Life, deadline: Deadline, **more: Any) -> Step | None:
        return original(life, msgspec.structs.replace(deadline, lease_token=life.lease_token), **more)

    return worse


def keeping_the_lease(original: Callable[..., Life]) -> Callable[..., Life]:
    def worse(life: Life, *more: Any, **further: Any) -> Life:
        return msgspec.structs.replace(original(life, *more, **further), lease_token=life.lease_token)

    return worse


def skipping_a_number(original: Callable[..., Step]) -> Callable[..., Step]:
    def worse(before: PromptState | None, life: Life, told: Any) -> Step:
        return original(before, msgspec.structs.replace(life, sequence=life.sequence + 1), told)

    return worse


def giving_up_never(original: Worse) -> Worse:
    def worse(life: Life, **more: Any) -> Step | None:
        return original(life, **(more | {"max_attempts": 1 << 30}))

    return worse


WORSE: list[tuple[str, Callable[[Any], Any], str]] = [
    ("renew", with_any_token, "a stale token changed something"),
    ("record", with_any_token, "a stale token changed something"),
    ("lose", with_any_token, "a stale token changed something"),
    ("interrupt", with_any_token, "a stale token changed something"),
    ("assign", in_any_state, "an end was not the end|an unwanted prompt runs|attempts are"),
    ("cancel", in_any_state, "the prompt is cancelled and its lease is|an end was not the end"),
    ("lose", forgetting_that_it_was_to_stop, "an unwanted prompt runs"),
    ("lose", never_counting, "is pending after it ended 1 workers"),
    ("lose", giving_up_never, "the prompt is pending after 3 attempts"),
    ("expire", not_asking_when_it_was_renewed, "a lease ended that had been renewed"),
    ("record", taking_all_as_new, "what was sent twice is kept twice"),
    ("time_out", late_for_any_attempt, "a stale token changed something"),
    ("_without_lease", keeping_the_lease, "its lease is"),
    ("_finished", keeping_the_lease, "its lease is"),
    ("_step", skipping_a_number, "durable events are numbered"),
]


@pytest.mark.parametrize(("name", "worse", "complaint"), WORSE)
def test_a_worse_state_machine_is_found_out(
    name: str, worse: Callable[[Any], Any], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(prompts=1, executors=2, max_attempts=3)
    first = model.first()
    monkeypatch.setattr(lives, name, worse(getattr(lives, name)))
    with pytest.raises(Violation, match=complaint):
        Exploration(model).run(first)


def test_an_end_that_nothing_leads_to_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "expire", lambda life, **more: None)
    with pytest.raises(Violation, match="not so: executors that all die end every prompt"):
        Exploration(ONE).run()


def test_leases_that_do_not_see_an_end_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    see = Leases.see
    monkeypatch.setattr(Leases, "see", lambda self, life: see(self, life) if life.lease_token else None)
    with pytest.raises(Violation, match="the leases are others after a crash"):
        Exploration(ONE).run()
