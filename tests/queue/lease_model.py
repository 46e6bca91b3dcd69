"""The lease state machine in small: every state that it can get into, and what must be true of each.

A world is what a store would keep of a few prompts. From the first one, everything is tried that anybody can ask for,
with the tokens of every attempt that ever was, until no world is new. The transitions are those of
`services.queue.life`, looked up when they are used, so that a test can put worse ones in their place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import msgspec

from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
)
from services.queue import life as lives
from services.queue.leases import Leases
from services.queue.life import Deadline, Life, Step, Transition
from services.queue.records import PromptState
from services.queue.work import TimedEvent
from tests.queue.clock import ManualClock

#: Two moments at which a lease may end: one is earlier than the other, more does not matter.
DEADLINES = (1.0, 2.0)

#: Seconds that prompts may take; when a deadline has come, is somebody else's to know.
RUN_TIMEOUT = 3.0
TOTAL_TIMEOUT = 9.0

#: A token that nobody was ever given.
FORGED = "forged"


Essence = tuple[object, ...]


class World(msgspec.Struct, frozen=True):
    """The prompts, and which of them somebody took back or asked to stop."""

    prompts: tuple[Life, ...]
    unwanted: frozenset[str] = frozenset()

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen any more."""
        return all(life.state.is_terminal for life in self.prompts)

    @property
    def essence(self) -> Essence:
        """What decides what can happen.

        How attempts ended, at which event the last one began, and which prompt is which, do not.
        """
        return tuple(sorted((_essence(life, life.prompt_id in self.unwanted) for life in self.prompts), key=hash))


@dataclass(frozen=True)
class Action:
    """Something that somebody asks the store for; `token` is empty for what needs no lease."""

    name: str
    prompt: int
    transition: Transition
    token: str = ""

    def __str__(self) -> str:
        return f"{self.name} prompt {self.prompt}" + (f" with {self.token}" if self.token else "")


class Violation(AssertionError):
    """Something that must never happen, and how it came about."""


@dataclass(frozen=True)
class Model:
    """How much there is of everything."""

    prompts: int
    executors: int
    max_attempts: int
    max_workers_lost: int = 1
    #: times that a prompt may be given back without an attempt being counted
    returns: int = 1

    def first(self) -> World:
        """All prompts wait."""
        waiting = (
            Life(
                prompt_id=f"p{n}",
                client_id="",
                state=PromptState.PENDING,
                submitted_at=0.0,
                run_timeout=RUN_TIMEOUT,
                total_timeout=TOTAL_TIMEOUT,
            )
            for n in range(self.prompts)
        )
        return World(tuple(lives.submit(life).life for life in waiting))

    def actions(self, world: World) -> Iterator[Action]:
        """Everything that can be asked for."""
        for index, life in enumerate(world.prompts):
            attempts = len(life.attempts)
            for executor in range(self.executors):
                assign = partial(
                    lives.assign,
                    executor_id=f"e{executor}",
                    token=_token(life, attempts + 1),
                    now=0.0,
                    lease_until=DEADLINES[0],
                )
                yield Action("assign", index, assign)
            yield Action("cancel", index, partial(lives.cancel, now=0.0))
            yield Action("ask to stop", index, lives.request_interrupt)
            yield Action("stop", index, partial(lives.stop, now=0.0))
            whole = Deadline(0.0, TOTAL_TIMEOUT)
            yield Action("time out", index, partial(lives.time_out, deadline=whole, now=0.0))
            for token in (FORGED, *(_token(life, number + 1) for number in range(attempts))):
                yield from self._under_lease(index, life, token)

    def _under_lease(self, index: int, life: Life, token: str) -> Iterator[Action]:
        capped = partial(partial, max_attempts=self.max_attempts, now=0.0)
        for until in DEADLINES:
            yield Action(f"renew until {until:.0f}", index, partial(lives.renew, token=token, lease_until=until), token)
            expire = capped(lives.expire, token=token, lease_until=until)
            yield Action(f"expire at {until:.0f}", index, expire, token)
        for name, events in _REPORTS.items():
            record = partial(lives.record, token=token, events=events, durable_before=0, now=0.0)
            yield Action(name, index, record, token)
        yield Action("lose", index, capped(lives.lose, token=token, reason="lost", counts=True), token)
        workers_lost = partial(lives.lose, worker_lost=True, max_workers_lost=self.max_workers_lost)
        yield Action("lose worker of", index, capped(workers_lost, token=token, reason="lost", counts=True), token)
        if len(life.attempts) - life.failures <= self.returns:
            yield Action("give back", index, capped(lives.lose, token=token, reason="lost", counts=False), token)
            # As the scheduler does where an executor leaves before it is told.
            back = partial(lives.lose, token=token, reason="lost", counts=False, max_attempts=1, now=0.0)
            yield Action("take back", index, back, token)
        attempt = Deadline(0.0, RUN_TIMEOUT, token)
        yield Action("time out", index, partial(lives.time_out, deadline=attempt, now=0.0), token)
        yield Action("interrupt", index, partial(lives.interrupt, token=token, reason="lost", now=0.0), token)


def _told(*events: ExecutionEvent) -> tuple[TimedEvent, ...]:
    return tuple(TimedEvent(0.0, event) for event in events)


_REPORTS = {
    "begin": _told(ExecutionStarted()),
    "succeed": _told(ExecutionStarted(), ExecutionSucceeded()),
    "fail": _told(ExecutionFailed("", "", "", "")),
    "succeed, then fail": _told(ExecutionSucceeded(), ExecutionFailed("", "", "", "")),
    "be interrupted": _told(ExecutionInterrupted("", "")),
}


@dataclass
class Exploration:
    """Every world that can be reached, how, and what leads where."""

    model: Model
    #: by essence, the first world that had it
    worlds: dict[Essence, World] = field(default_factory=dict)
    came_from: dict[Essence, tuple[World, Action] | None] = field(default_factory=dict)
    #: what leads there, by the name of the action
    into: dict[Essence, list[tuple[Essence, str]]] = field(default_factory=dict)
    tried: int = 0

    def run(self, first: World | None = None) -> Exploration:
        """Look everywhere, from `first` or where all prompts wait.

        Raises:
            Violation: something happens that must not.
        """
        frontier: deque[World] = deque()
        self._arrive(first or self.model.first(), None, frontier)
        while frontier:
            world = frontier.popleft()
            for action in self.model.actions(world):
                after = self._try(world, action)
                if after is not None:
                    self._arrive(after, (world, action), frontier)
        self._demand("an executor that works ends every prompt", self._ending_by("assign", "succeed"))
        self._demand("executors that all die end every prompt", self._ending_by("assign", "expire at"))
        return self

    def way_to(self, world: World) -> list[Action]:
        """The actions that led to a world, or to one with its essence, first."""
        way: list[Action] = []
        while (origin := self.came_from[world.essence]) is not None:
            world, action = origin
            way.append(action)
        return way[::-1]

    def _arrive(self, world: World, origin: tuple[World, Action] | None, frontier: deque[World]) -> None:
        essence = world.essence
        if origin is not None:
            self.into.setdefault(essence, []).append((origin[0].essence, origin[1].name))
        if essence not in self.worlds:
            self.worlds[essence] = world
            self.came_from[essence] = origin
            frontier.append(world)

    def _try(self, world: World, action: Action) -> World | None:
        self.tried += 1
        life = world.prompts[action.prompt]
        step = action.transition(life)
        problem = _problem(world, life, action, step, self.model)
        if problem:
            raise Violation(f"{problem} (after: {_story([*self.way_to(world), action])})")
        if step is None:
            return None
        prompts = (*world.prompts[: action.prompt], step.life, *world.prompts[action.prompt + 1 :])
        is_unwanted = step.life.state is PromptState.CANCELLED or action.name in ("ask to stop", "stop")
        return World(prompts, world.unwanted | {life.prompt_id} if is_unwanted else world.unwanted)

    def _ending_by(self, *actions: str) -> set[Essence]:
        """Where these actions alone are enough to get to where all is over."""
        ending = {essence for essence, world in self.worlds.items() if world.is_over}
        frontier = deque(ending)
        while frontier:
            for before, name in self.into.get(frontier.popleft(), ()):
                if before not in ending and name.startswith(actions):
                    ending.add(before)
                    frontier.append(before)
        return ending

    def _demand(self, what: str, ending: set[Essence]) -> None:
        stuck = next((world for essence, world in self.worlds.items() if essence not in ending), None)
        if stuck is not None:
            raise Violation(f"not so: {what} (after: {_story(self.way_to(stuck))})")


def _story(way: Iterable[Action]) -> str:
    return ", then ".join(map(str, way)) or "nothing"


def _essence(life: Life, is_unwanted: bool) -> Essence:
    return (
        life.state,
        len(life.attempts),
        life.failures,
        _workers_lost(life),
        life.executor_id if life.lease else None,
        life.lease_until,
        life.interrupt_requested,
        life.sequence - life.attempt_sequence,
        is_unwanted,
    )


def _workers_lost(life: Life) -> int:
    return sum(attempt.worker_lost for attempt in life.attempts)


def _token(life: Life, number: int) -> str:
    return f"{life.prompt_id}#{number}"


def _problem(world: World, life: Life, action: Action, step: Step | None, model: Model) -> str:
    """What is wrong with an action's outcome, empty for nothing."""
    if step is None:
        return ""
    checks: Iterable[Callable[[], str]] = (
        lambda: "an end was not the end" if life.state.is_terminal else "",
        lambda: "a stale token changed something" if action.token and action.token != life.lease_token else "",
        lambda: "an unwanted prompt runs" if action.name == "assign" and life.prompt_id in world.unwanted else "",
        lambda: _renewed(life, action),
        lambda: _wrong_events(life, step, model),
        lambda: _wrong_life(step.life, model),
        lambda: _wrong_leases(world, life, step.life),
    )
    return next((problem for check in checks if (problem := check())), "")


def _renewed(life: Life, action: Action) -> str:
    stale = action.name.startswith("expire") and not action.name.endswith(f" {life.lease_until:.0f}")
    return "a lease ended that had been renewed" if stale else ""


def _wrong_events(life: Life, step: Step, model: Model) -> str:
    durable = [event.sequence for event in step.events if event.is_durable]
    if durable != list(range(life.sequence + 1, step.life.sequence + 1)):
        return f"durable events are numbered {durable} after {life.sequence}, and the life says {step.life.sequence}"
    has_begun = life.state is PromptState.RUNNING and life.sequence > life.attempt_sequence
    if has_begun and any(isinstance(event.body, ExecutionStarted) for event in step.events):
        return "what was sent twice is kept twice"
    gave_up = any(
        isinstance(event.body, ExecutionFailed) and event.body.exception_type == lives.WORKER_LOST
        for event in step.events
    )
    if gave_up and step.life.failures < model.max_attempts and _workers_lost(step.life) < model.max_workers_lost:
        return f"the prompt was given up after {step.life.failures} attempts that count"
    ends = [event.is_terminal for event in step.events]
    if sum(ends) != step.life.state.is_terminal or any(ends[:-1]):
        return f"{sum(ends)} terminal events, and the prompt is {step.life.state.value}"
    return ""


def _wrong_life(life: Life, model: Model) -> str:
    runs = life.state is PromptState.RUNNING
    if (life.lease is not None) is not runs or (life.lease_until is not None) is not runs:
        return f"the prompt is {life.state.value} and its lease is {life.lease}"
    if [attempt.number for attempt in life.attempts if attempt.ended_at is None] != [len(life.attempts)] * runs:
        return f"the prompt is {life.state.value} and its attempts are {life.attempts}"
    if life.failures > model.max_attempts - (not life.state.is_terminal):
        return f"the prompt is {life.state.value} after {life.failures} attempts"
    workers = _workers_lost(life)
    if workers >= model.max_workers_lost and not life.state.is_terminal:
        return f"the prompt is {life.state.value} after it ended {workers} workers"
    if len(life.attempts) > model.max_attempts + model.returns:
        return f"the prompt was begun {len(life.attempts)} times"
    return ""


def _wrong_leases(world: World, before: Life, after: Life) -> str:
    """What the queue keeps in memory must be what it would read from its store after a crash."""
    others = [life for life in world.prompts if life.prompt_id != before.prompt_id]
    running = _leases([*others, before])
    running.see(after)
    reloaded = _leases([*others, after])
    same = _contents(running, world) == _contents(reloaded, world)
    return "" if same else "the leases are others after a crash"


def _leases(prompts: Iterable[Life]) -> Leases:
    leases = Leases(ManualClock(), 1.0)
    for life in prompts:
        if life.state is PromptState.RUNNING:
            leases.see(life)
    return leases


def _contents(leases: Leases, world: World) -> tuple[object, ...]:
    executors = {life.executor_id for one in world.prompts for life in [one] if life.executor_id} | {"e0", "e1"}
    by_executor = {name: sorted(life.prompt_id for life in leases.of_executor(name)) for name in executors}
    return {life.prompt_id: life for life in leases.all()}, by_executor
