"""A prompt's life: the state machine, as pure functions from a `Life` to the `Step` that changes it.

Stores run these functions inside their transactions, so what they decide is atomic. A function returns None when
there is nothing to change: the prompt is not in the state it asks for, or the lease token is no longer the prompt's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodesCached,
    Terminal,
    is_durable,
)
from services.queue.records import (
    Assigned,
    Attempt,
    Cancelled,
    Event,
    Lease,
    LifecycleEvent,
    PromptState,
    Requeued,
    Submitted,
)
from services.queue.work import TimedEvent

#: What failed when a prompt's attempts were used up by executors that were lost.
WORKER_LOST = "silverprint.WorkerLost"

#: What failed when a prompt had no more time.
TIMED_OUT = "silverprint.TimedOut"

_OUTCOMES: dict[type[Terminal], tuple[PromptState, str]] = {
    ExecutionSucceeded: (PromptState.SUCCEEDED, "succeeded"),
    ExecutionFailed: (PromptState.FAILED, "failed"),
    ExecutionInterrupted: (PromptState.INTERRUPTED, "interrupted"),
}


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a prompt that changes, and whose it is."""

    prompt_id: str
    client_id: str
    state: PromptState
    submitted_at: float
    user_id: str = ""
    priority: int = 0
    #: what an executor must have to run it, see `services.graph.requirements.Requirement.placement`
    placement: int = 0
    #: of the current or last attempt
    started_at: float | None = None
    finished_at: float | None = None
    attempts: tuple[Attempt, ...] = ()
    #: attempts that count against the cap
    failures: int = 0
    #: of the last durable event
    sequence: int = 0
    #: of the event that began the current or last attempt
    attempt_sequence: int = 0
    #: set while the prompt runs
    lease_token: str | None = None
    #: wall-clock time; set while the prompt runs
    lease_until: float | None = None
    #: somebody wants it to stop: it is never run again
    interrupt_requested: bool = False
    #: seconds that one attempt may take, and that may pass from its submission to its end; 0 for any time
    run_timeout: float = 0.0
    total_timeout: float = 0.0

    @property
    def executor_id(self) -> str | None:
        """Who runs it, or ran it last."""
        return self.attempts[-1].executor_id if self.attempts else None

    @property
    def has_begun(self) -> bool:
        """Whether its executor has said anything that is kept of the current or last attempt."""
        return self.sequence > self.attempt_sequence > 0

    @property
    def lease(self) -> Lease | None:
        """The lease under which it runs now."""
        return Lease(self.prompt_id, self.lease_token) if self.lease_token is not None else None

    @property
    def is_limited(self) -> bool:
        """Whether it has a deadline, or gets one when it runs."""
        return not self.state.is_terminal and bool(self.run_timeout or self.total_timeout)

    @property
    def deadlines(self) -> tuple[Deadline, ...]:
        """What ends it if nothing else does before."""
        if self.state.is_terminal:
            return ()
        found = []
        if self.total_timeout:
            found.append(Deadline(self.submitted_at, self.total_timeout))
        if self.run_timeout and self.lease_token is not None and self.started_at is not None:
            found.append(Deadline(self.started_at, self.run_timeout, self.lease_token))
        return tuple(found)


class Deadline(msgspec.Struct, frozen=True):
    """When a prompt has no more time: so many seconds after a moment."""

    since: float
    seconds: float
    #: of the attempt that may not take longer; None when it is about the prompt
    lease_token: str | None = None


class Step(msgspec.Struct, frozen=True):
    """A change of a life: where it came from, what it is now, and what watchers are told, in order."""

    before: PromptState | None
    life: Life
    events: tuple[Event, ...] = ()
    #: the prompt has ended, and somebody is to be told of it by a webhook
    has_deliveries: bool = False

    @property
    def is_end(self) -> bool:
        """Whether the prompt's life ends with it."""
        return self.life.state.is_terminal and self.before is not self.life.state

    def stamped(self, queue_remaining: int) -> Step:
        """With the number of prompts that wait or run just after it on the events that change the state."""
        events = tuple(
            msgspec.structs.replace(event, queue_remaining=queue_remaining) if event.changes_state else event
            for event in self.events
        )
        return Step(self.before, self.life, events)


Transition = Callable[[Life], Step | None]


def submit(life: Life) -> Step:
    """Begin a life."""
    return _step(None, life, [(life.submitted_at, Submitted())])


def submit_reused(life: Life, earlier: Iterable[Event], node_ids: tuple[str, ...]) -> Step:
    """Begin a life that is over at once, with what came of an equal prompt earlier; these nodes need not run."""
    now = life.submitted_at
    results: list[ExecutionEvent] = []
    for event in earlier:
        match event.body:
            case ExecutionStarted():
                results.clear()  # what came before was another attempt
            case NodeFinished() as finished:
                results.append(msgspec.structs.replace(finished, reused=True))
            case NodeBlocked() as blocked:
                results.append(blocked)
    ended = msgspec.structs.replace(life, state=PromptState.SUCCEEDED, started_at=now, finished_at=now)
    bodies = [Submitted(), ExecutionStarted(), NodesCached(node_ids), *results, ExecutionSucceeded()]
    return _step(None, ended, [(now, body) for body in bodies])


def assign(
    life: Life, *, executor_id: str, token: str, now: float, lease_until: float, device: str = ""
) -> Step | None:
    """Lease a waiting prompt to an executor, which will run it on a device of this name."""
    if life.state is not PromptState.PENDING:
        return None
    number = len(life.attempts) + 1
    # Whoever assigns may have looked at another clock, or before what it gets was there.
    free_since = life.attempts[-1].ended_at if life.attempts else life.submitted_at
    now = max(now, free_since or now)
    running = msgspec.structs.replace(
        life,
        state=PromptState.RUNNING,
        started_at=now,
        attempts=(*life.attempts, Attempt(number, executor_id, now, device=device)),
        attempt_sequence=life.sequence + 1,
        lease_token=token,
        lease_until=lease_until,
    )
    return _step(life.state, running, [(now, Assigned(executor_id, number))])


def renew(life: Life, *, token: str, lease_until: float) -> Step | None:
    """Let a lease last longer."""
    if life.lease_token != token:
        return None
    return Step(life.state, msgspec.structs.replace(life, lease_until=lease_until))


def record(
    life: Life, *, token: str, events: Sequence[TimedEvent], now: float, durable_before: int | None = None
) -> Step | None:
    """Take what happened under a lease; a terminal event ends the prompt, and what follows it is dropped.

    Events that came before, as the number of durable ones before them tells, are passed over.
    """
    if life.lease_token != token:
        return None
    if durable_before is not None:
        events = _after_durable(events, life.sequence - life.attempt_sequence - durable_before)
    told: list[tuple[float, LifecycleEvent | ExecutionEvent]] = []
    after = life
    for timed in events:
        told.append((timed.happened_at, timed.event))
        if isinstance(timed.event, Terminal):
            after = _finished(life, timed, now)
            break
    return _step(life.state, after, told)


def lose(
    life: Life,
    *,
    token: str,
    reason: str,
    counts: bool,
    max_attempts: int,
    now: float,
    worker_lost: bool = False,
    max_workers_lost: int | None = None,
    node_id: str = "",
    node_type: str = "",
) -> Step | None:
    """End an attempt that came to nothing: back into the queue, unless its attempts are used up or it was to stop.

    Those with which a worker ended have a cap of their own, None for the same. The node is the one that ran at the end,
    as far as anybody knows; a prompt that is given up fails there.
    """
    if life.lease_token != token:
        return None
    if life.interrupt_requested:
        return _interrupted(life, reason, now)
    ended = _without_lease(life, reason, now, worker_lost=worker_lost)
    ended = msgspec.structs.replace(ended, failures=life.failures + counts)
    given_up = _why_given_up(ended, max_attempts, max_workers_lost or max_attempts) if counts else ""
    if given_up:
        failure = ExecutionFailed(node_id, node_type, WORKER_LOST, given_up)
        failed = msgspec.structs.replace(ended, state=PromptState.FAILED, finished_at=now)
        return _step(life.state, failed, [(now, failure)])
    waiting = msgspec.structs.replace(ended, state=PromptState.PENDING, started_at=None)
    return _step(life.state, waiting, [(now, Requeued(reason))])


def expire(life: Life, *, token: str, lease_until: float, max_attempts: int, now: float) -> Step | None:
    """Lose a prompt whose lease ran out, unless it was renewed since `lease_until` was read."""
    if life.lease_until != lease_until:
        return None
    return lose(life, token=token, reason="the lease expired", counts=True, max_attempts=max_attempts, now=now)


def cancel(life: Life, *, now: float) -> Step | None:
    """Take a waiting prompt back."""
    if life.state is not PromptState.PENDING:
        return None
    cancelled = msgspec.structs.replace(life, state=PromptState.CANCELLED, finished_at=now)
    return _step(life.state, cancelled, [(now, Cancelled())])


def request_interrupt(life: Life) -> Step | None:
    """Note that a running prompt is to stop; its executor is expected to end it."""
    if life.state is not PromptState.RUNNING:
        return None
    return Step(life.state, msgspec.structs.replace(life, interrupt_requested=True))


def stop(life: Life, *, now: float) -> Step | None:
    """Take a prompt back while it waits, note that it is to stop while it runs."""
    return cancel(life, now=now) or request_interrupt(life)


def interrupt(life: Life, *, token: str, reason: str, now: float) -> Step | None:
    """End a running prompt whose executor cannot be told."""
    if life.lease_token != token:
        return None
    return _interrupted(life, reason, now)


def time_out(life: Life, deadline: Deadline, *, now: float, node_id: str = "", node_type: str = "") -> Step | None:
    """Fail a prompt that has no more time; it is not tried again. One that was to stop is interrupted instead.

    The node is the one that runs, as far as anybody knows.
    """
    if deadline not in life.deadlines:
        return None
    if life.interrupt_requested:
        return _interrupted(life, "timed out", now)
    ended = _without_lease(life, "timed out", now) if life.lease_token is not None else life
    failure = ExecutionFailed(node_id, node_type, TIMED_OUT, _late(life, deadline))
    failed = msgspec.structs.replace(ended, state=PromptState.FAILED, finished_at=now)
    return _step(life.state, failed, [(now, failure)])


def _after_durable(events: Sequence[TimedEvent], count: int) -> Sequence[TimedEvent]:
    """What follows the first `count` durable events."""
    for index, timed in enumerate(events):
        if count <= 0:
            return events[index:]
        count -= is_durable(timed.event)
    return ()


def _interrupted(life: Life, outcome: str, now: float) -> Step:
    ended = _without_lease(life, f"interrupted: {outcome}", now)
    interrupted = msgspec.structs.replace(ended, state=PromptState.INTERRUPTED, finished_at=now)
    return _step(life.state, interrupted, [(now, ExecutionInterrupted("", ""))])


def _finished(life: Life, timed: TimedEvent, now: float) -> Life:
    assert isinstance(timed.event, Terminal)
    state, outcome = _OUTCOMES[type(timed.event)]
    ended = _without_lease(life, outcome, now)
    last = msgspec.structs.replace(ended.attempts[-1], record=timed.record)
    return msgspec.structs.replace(ended, attempts=(*ended.attempts[:-1], last), state=state, finished_at=now)


def _without_lease(life: Life, outcome: str, now: float, *, worker_lost: bool = False) -> Life:
    last = msgspec.structs.replace(life.attempts[-1], ended_at=now, outcome=outcome, worker_lost=worker_lost)
    return msgspec.structs.replace(life, attempts=(*life.attempts[:-1], last), lease_token=None, lease_until=None)


def _late(life: Life, deadline: Deadline) -> str:
    if deadline.lease_token is not None:
        return f"an attempt may take {deadline.seconds:g} seconds (run_timeout), and this one took longer"
    doing = "ran" if life.state is PromptState.RUNNING else "waited"
    late = f"{deadline.seconds:g} seconds after its submission (total_timeout) the prompt still {doing}"
    return f"{late}, {_history(life.attempts)}" if life.attempts else late


def _why_given_up(life: Life, max_attempts: int, max_workers_lost: int) -> str:
    """Why a prompt is not run again, for people; empty where it is."""
    workers = sum(attempt.worker_lost for attempt in life.attempts)
    if workers >= max_workers_lost:
        return f"the prompt ended its worker {_count(workers, 'time')} and is given up {_history(life.attempts)}"
    if life.failures >= max_attempts:
        return f"the prompt was given up {_history(life.attempts)}"
    return ""


def _history(attempts: Sequence[Attempt]) -> str:
    tries = "; ".join(
        f"attempt {attempt.number} on {attempt.executor_id}: {attempt.outcome or 'under way'}" for attempt in attempts
    )
    return f"after {_count(len(attempts), 'attempt')} ({tries})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _step(
    before: PromptState | None, life: Life, told: Iterable[tuple[float, LifecycleEvent | ExecutionEvent]]
) -> Step:
    sequence = life.sequence
    events = []
    for happened_at, body in told:
        event = Event(
            prompt_id=life.prompt_id,
            sequence=sequence,
            happened_at=happened_at,
            client_id=life.client_id,
            body=body,
        )
        if event.is_durable:
            sequence += 1
            event = msgspec.structs.replace(event, sequence=sequence)
        events.append(event)
    return Step(before, msgspec.structs.replace(life, sequence=sequence), tuple(events))
