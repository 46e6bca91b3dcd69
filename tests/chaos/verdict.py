"""What must be true afterwards, whatever happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.queue.client import QueueClient
from services.queue.records import Assigned, Prompt, PromptState, Requeued
from tests.chaos.clients import Task
from tests.chaos.system import System

#: How a client over HTTP calls the states.
_SEEN = {"succeeded": PromptState.SUCCEEDED, "failed": PromptState.FAILED, "interrupted": PromptState.INTERRUPTED}


@dataclass
class Verdict:
    """What became of a storm's tasks."""

    #: everything that is wrong; empty when nothing is
    problems: list[str] = field(default_factory=list)
    #: prompts that ran and of whose end no socket of their client was told
    untold: int = 0
    #: how attempts that were not the last one ended
    lost: Counter[str] = field(default_factory=Counter)


async def judged(system: System, tasks: Sequence[Task]) -> Verdict:
    """Look at everything that is left."""
    verdict = Verdict()
    found = verdict.problems
    async with QueueClient(system.direct(system.size.queue_names[0])) as queue:
        stats = await queue.stats()
        if stats.pending or stats.running:
            found.append(f"{stats.pending} prompts still wait and {stats.running} still run")
        ended, _ = await queue.list([state for state in PromptState if state.is_terminal])
        prompts = {prompt.prompt_id: prompt for prompt in ended}
    if len(prompts) != len(ended):
        found.append("the history has prompts twice")
    for stranger in prompts.keys() - {task.prompt_id for task in tasks}:
        found.append(f"prompt {stranger} is nobody's")
    ledger = read_ledger(system)
    for task in tasks:
        prompt = prompts.get(task.prompt_id)
        about = [*task.wrong, *(of_task(task, prompt, ledger[task.prompt_id]) if prompt else ["it is lost"])]
        found += [f"prompt {task.prompt_id}: {problem}" for problem in about]
        if prompt:
            verdict.untold += task.read_history and prompt.state is not PromptState.CANCELLED
            verdict.lost.update(attempt.outcome for attempt in prompt.attempts[:-1])
    return verdict


def read_ledger(system: System) -> dict[str, Counter[str]]:
    """How often each prompt was begun and ended, as the nodes wrote it down."""
    ledger: dict[str, Counter[str]] = defaultdict(Counter)
    for line in system.ledger.read_text().splitlines():
        prompt_id, what, _ = line.split()
        ledger[prompt_id][what] += 1
    return ledger


def of_task(task: Task, prompt: Prompt, written: Counter[str]) -> Iterator[str]:
    """What is wrong with a prompt and with what its client knows of it; `written` is what its nodes wrote down."""
    yield from _of_prompt(prompt)
    expected = {PromptState.FAILED} if task.class_type == "ChaosPoison" else {PromptState.SUCCEEDED}
    if task.class_type == "ChaosPoison" and "ended its worker" not in str(prompt.events[-1].body):
        yield f"it killed its workers, and its end is {prompt.events[-1].body}"
    if task.stop_after is not None:
        expected |= {PromptState.CANCELLED, PromptState.INTERRUPTED}
    if prompt.state not in expected:
        outcomes = [attempt.outcome for attempt in prompt.attempts]
        yield f"it is {prompt.state.value} after the attempts {outcomes}, with {prompt.events[-1].body}"
    if prompt.state is PromptState.SUCCEEDED and not written["ended"]:
        yield "it succeeded, and its node never did"
    if written["begun"] > len(prompt.attempts):
        yield f"its node began {written['begun']} times in {len(prompt.attempts)} attempts"
    if task.events and tuple(task.events) != prompt.events:
        yield f"its watcher saw {task.events}, and the history has {prompt.events}"
    if task.ends["terminal"] not in (0, 1):
        yield f"its watcher saw {task.ends['terminal']} ends"
    for end in task.ends.keys() - {"terminal"}:
        if _SEEN[end] is not prompt.state:
            yield f"its client was told that it {end}, and it is {prompt.state.value}"
    if not task.ends and not task.read_history:
        yield "its client never heard of its end"


def _of_prompt(prompt: Prompt) -> Iterator[str]:
    numbers = [event.sequence for event in prompt.events]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"its events are numbered {numbers}"
    ends = [event.is_terminal for event in prompt.events]
    if sum(ends) != 1 or not ends[-1]:
        yield f"it has {sum(ends)} terminal events"
    if [attempt.number for attempt in prompt.attempts] != list(range(1, len(prompt.attempts) + 1)):
        yield f"its attempts are numbered {[attempt.number for attempt in prompt.attempts]}"
    begun = [event.body for event in prompt.events if isinstance(event.body, Assigned)]
    if [(told.attempt, told.executor_id) for told in begun] != [(a.number, a.executor_id) for a in prompt.attempts]:
        yield f"its attempts are {prompt.attempts}, and it was assigned {begun}"
    given_back = sum(isinstance(event.body, Requeued) for event in prompt.events)
    waited_last = prompt.state is PromptState.CANCELLED
    if prompt.attempts and given_back != len(prompt.attempts) - (not waited_last):
        yield f"it went back into the queue {given_back} times in {len(prompt.attempts)} attempts"
    yield from _of_attempts(prompt)


def _of_attempts(prompt: Prompt) -> Iterator[str]:
    earlier = prompt.submitted_at
    for attempt in prompt.attempts:
        if attempt.ended_at is None or not attempt.outcome:
            yield f"attempt {attempt.number} has no end"
        elif not earlier <= attempt.started_at <= attempt.ended_at:
            yield f"attempt {attempt.number} ran from {attempt.started_at} to {attempt.ended_at}, after {earlier}"
        earlier = attempt.ended_at or earlier
    if prompt.state is PromptState.SUCCEEDED and prompt.attempts[-1].outcome != "succeeded":
        yield f"it succeeded, and its last attempt {prompt.attempts[-1].outcome}"
