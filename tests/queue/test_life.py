"""The state machine: every step by itself, and every order of steps that hypothesis thinks of."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.graph.events import (
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodeProgress,
    NodeRef,
    NodeStarted,
)
from services.queue import life as lives
from services.queue.life import TIMED_OUT, Deadline, Life, Step, Transition
from services.queue.records import Event, PromptState
from services.queue.work import TimedEvent

NODE = NodeRef.of_workflow("1")
MAX_ATTEMPTS = 3


def newborn(client_id: str, submitted_at: float) -> Life:
    return Life(prompt_id="p", client_id=client_id, state=PromptState.PENDING, submitted_at=submitted_at)


def pending() -> Life:
    return lives.submit(newborn("client", 1.0)).life


def running(token: str = "token") -> Life:
    step = lives.assign(pending(), executor_id="e", token=token, now=2.0, lease_until=32.0)
    assert step is not None
    return step.life


def lose(
    life: Life, token: str = "token", *, counts: bool = True, node_id: str = "", node_type: str = ""
) -> Step | None:
    return lives.lose(
        life,
        token=token,
        reason="it died",
        counts=counts,
        max_attempts=MAX_ATTEMPTS,
        now=5.0,
        node_id=node_id,
        node_type=node_type,
    )


def told(*events: object) -> tuple[TimedEvent, ...]:
    return tuple(TimedEvent(3.0, event) for event in events)  # type: ignore[arg-type]


FENCED: dict[str, Transition] = {
    "renew": partial(lives.renew, token="stale", lease_until=99.0),
    "record": partial(lives.record, token="stale", events=told(ExecutionSucceeded()), now=5.0),
    "lose": partial(lose, token="stale"),
    "expire": partial(lives.expire, token="stale", lease_until=32.0, max_attempts=3, now=40.0),
    "interrupt": partial(lives.interrupt, token="stale", reason="gone", now=5.0),
}


@pytest.mark.parametrize("name", FENCED)
def test_a_stale_token_changes_nothing(name: str) -> None:
    assert FENCED[name](running("fresh")) is None
    assert FENCED[name](pending()) is None


def test_only_a_waiting_prompt_is_assigned() -> None:
    assert lives.assign(running(), executor_id="f", token="t", now=3.0, lease_until=33.0) is None


def test_only_a_waiting_prompt_is_cancelled() -> None:
    assert lives.cancel(running(), now=3.0) is None
    step = lives.cancel(pending(), now=3.0)
    assert step is not None
    assert (step.life.state, step.life.finished_at) == (PromptState.CANCELLED, 3.0)
    assert lives.cancel(step.life, now=4.0) is None


def test_only_a_running_prompt_is_asked_to_stop() -> None:
    assert lives.request_interrupt(pending()) is None


def test_what_follows_a_terminal_event_is_dropped() -> None:
    events = told(ExecutionStarted(), ExecutionSucceeded(), ExecutionFailed("", "", "", ""), NodeStarted(NODE))
    step = lives.record(running(), token="token", events=events, now=5.0)
    assert step is not None
    assert [type(event.body) for event in step.events] == [ExecutionStarted, ExecutionSucceeded]
    assert step.life.state is PromptState.SUCCEEDED
    assert lives.record(step.life, token="token", events=events, now=6.0) is None


def test_events_that_come_again_are_passed_over() -> None:
    first = told(ExecutionStarted(), NodeStarted(NODE))
    step = lives.record(running(), token="token", events=first, durable_before=0, now=5.0)
    assert step is not None
    again = told(ExecutionStarted(), NodeFinished(NODE, b"{}", False), ExecutionSucceeded())
    step = lives.record(step.life, token="token", events=again, durable_before=0, now=6.0)
    assert step is not None
    assert [type(event.body) for event in step.events] == [NodeFinished, ExecutionSucceeded]


def test_the_events_of_an_attempt_are_counted_from_its_beginning() -> None:
    step = lives.record(running(), token="token", events=told(ExecutionStarted()), durable_before=0, now=5.0)
    assert step is not None
    lost = lose(step.life)
    assert lost is not None
    second = lives.assign(lost.life, executor_id="e", token="second", now=6.0, lease_until=36.0)
    assert second is not None
    step = lives.record(second.life, token="second", events=told(ExecutionStarted()), durable_before=0, now=7.0)
    assert step is not None
    assert len(step.events) == 1


def test_fleeting_events_carry_the_number_of_the_durable_one_before() -> None:
    events = told(ExecutionStarted(), NodeStarted(NODE), NodeProgress(NODE, 1, 2), ExecutionSucceeded())
    step = lives.record(running(), token="token", events=events, now=5.0)
    assert step is not None
    assert [event.sequence for event in step.events] == [3, 3, 3, 4]


def test_a_lease_that_was_renewed_meanwhile_does_not_expire() -> None:
    step = lives.renew(running(), token="token", lease_until=62.0)
    assert step is not None
    assert lives.expire(step.life, token="token", lease_until=32.0, max_attempts=3, now=40.0) is None
    assert lives.expire(step.life, token="token", lease_until=62.0, max_attempts=3, now=70.0) is not None


def test_a_prompt_that_was_to_stop_is_not_run_again() -> None:
    asked = lives.request_interrupt(running())
    assert asked is not None
    step = lose(asked.life)
    assert step is not None
    assert (step.life.state, step.events[-1].body) == (PromptState.INTERRUPTED, ExecutionInterrupted("", ""))


def test_the_last_counted_attempt_fails_the_prompt_with_its_whole_history() -> None:
    worn = msgspec.structs.replace(running(), failures=MAX_ATTEMPTS - 1)
    spared = lose(worn, counts=False)
    assert spared is not None and spared.life.state is PromptState.PENDING
    step = lose(worn, node_id="2", node_type="KSampler")
    assert step is not None and step.life.state is PromptState.FAILED
    failure = step.events[-1].body
    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.node_type) == ("2", "KSampler")
    assert failure.exception_message == "the prompt was given up after 1 attempt (attempt 1 on e: it died)"


def test_an_attempt_that_does_not_count_gives_nothing_up() -> None:
    """Not even where those before used up what its loser would allow."""
    worn = msgspec.structs.replace(running(), failures=1)
    step = lives.lose(worn, token="token", reason="nobody was told", counts=False, max_attempts=1, now=5.0)
    assert step is not None and step.life.state is PromptState.PENDING


LATE = Deadline(2.0, 3.0, "token")
TOO_LATE = Deadline(1.0, 9.0)


def limited(life: Life) -> Life:
    return msgspec.structs.replace(life, run_timeout=3.0, total_timeout=9.0)


def test_a_deadline_is_one_only_while_it_may_come() -> None:
    assert pending().deadlines == running().deadlines == ()
    assert limited(pending()).deadlines == (TOO_LATE,)
    assert limited(running()).deadlines == (TOO_LATE, LATE)
    lost = lose(limited(running()))
    assert lost is not None and lost.life.deadlines == (TOO_LATE,)
    ended = lives.record(limited(running()), token="token", events=told(ExecutionSucceeded()), now=5.0)
    assert ended is not None and ended.life.deadlines == ()


def test_a_prompt_without_time_fails_and_says_why() -> None:
    step = lives.time_out(limited(running()), LATE, now=5.0, node_id="2", node_type="KSampler")
    assert step is not None
    assert (step.life.state, step.life.finished_at, step.life.lease) == (PromptState.FAILED, 5.0, None)
    assert [(attempt.outcome, attempt.ended_at) for attempt in step.life.attempts] == [("timed out", 5.0)]
    message = "an attempt may take 3 seconds (run_timeout), and this one took longer"
    assert step.events[-1].body == ExecutionFailed("2", "KSampler", TIMED_OUT, message)


def test_a_prompt_that_came_to_nothing_in_its_time_tells_of_its_attempts() -> None:
    lost = lose(limited(running()))
    assert lost is not None
    for life, reason in (
        (limited(pending()), "the prompt still waited"),
        (lost.life, "the prompt still waited, after 1 attempt (attempt 1 on e: it died)"),
        (limited(running()), "the prompt still ran, after 1 attempt (attempt 1 on e: under way)"),
    ):
        step = lives.time_out(life, TOO_LATE, now=10.0)
        assert step is not None and step.life.state is PromptState.FAILED
        failure = step.events[-1].body
        assert isinstance(failure, ExecutionFailed)
        assert failure.exception_message == f"9 seconds after its submission (total_timeout) {reason}"


def test_a_deadline_of_another_attempt_ends_nothing() -> None:
    assert lives.time_out(limited(running("second")), LATE, now=5.0) is None
    assert lives.time_out(running(), LATE, now=5.0) is None


def test_a_prompt_that_was_to_stop_is_interrupted_when_its_time_is_over() -> None:
    asked = lives.request_interrupt(limited(running()))
    assert asked is not None
    step = lives.time_out(asked.life, LATE, now=5.0)
    assert step is not None and step.life.state is PromptState.INTERRUPTED


def test_an_attempt_begins_after_the_submission_and_after_the_one_before_has_ended() -> None:
    early = lives.assign(pending(), executor_id="e", token="token", now=0.5, lease_until=30.5)
    assert early is not None and early.life.started_at == 1.0
    lost = lose(running())
    assert lost is not None
    step = lives.assign(lost.life, executor_id="e", token="second", now=4.0, lease_until=36.0)
    assert step is not None
    first, second = step.life.attempts
    assert second.started_at == first.ended_at == 5.0


def test_a_prompt_that_ends_its_workers_has_a_cap_of_its_own() -> None:
    life = running()
    for attempt in (1, 2):
        step = lives.lose(
            life,
            token="token",
            reason="worker killed by signal 11 while node 7 (Segfault) ran",
            counts=True,
            max_attempts=9,
            worker_lost=True,
            max_workers_lost=2,
            now=5.0,
            node_id="7",
            node_type="Segfault",
        )
        assert step is not None
        if attempt == 1:
            between = lives.assign(step.life, executor_id="e", token="between", now=6.0, lease_until=36.0)
            assert between is not None
            expired = lose(between.life, "between")
            assert expired is not None, "which counts, and is no worker's end"
            again = lives.assign(expired.life, executor_id="f", token="token", now=6.0, lease_until=36.0)
            assert again is not None
            life = again.life
    assert step is not None
    failure = step.events[-1].body
    assert isinstance(failure, ExecutionFailed)
    assert (failure.node_id, failure.exception_type) == ("7", lives.WORKER_LOST)
    told = "worker killed by signal 11 while node 7 (Segfault) ran"
    assert failure.exception_message == (
        "the prompt ended its worker 2 times and is given up after 3 attempts"
        f" (attempt 1 on e: {told}; attempt 2 on e: it died; attempt 3 on f: {told})"
    )


class Lifetime(RuleBasedStateMachine):
    """One prompt, with executors that report in any order, some with tokens that are no longer good."""

    @initialize()
    def begin(self) -> None:
        step = lives.submit(msgspec.structs.replace(newborn("", 0.0), run_timeout=1.0, total_timeout=2.0))
        self.life = step.life
        self.events: list[Event] = list(step.events)
        self.tokens = ["never granted"]

    def take(self, step: Step | None) -> bool:
        if step is not None:
            assert step.before is self.life.state
            assert not self.life.state.is_terminal, "nothing happens after the end"
            self.life = step.life
            self.events += step.events
        return step is not None

    def fenced(self, token: str, step: Step | None) -> None:
        good = token == self.life.lease_token
        assert self.take(step) is good

    @rule()
    def assign(self) -> None:
        token = f"token {len(self.tokens)}"
        waiting = self.life.state is PromptState.PENDING
        step = lives.assign(self.life, executor_id="e", token=token, now=1.0, lease_until=31.0)
        assert self.take(step) is waiting
        self.tokens.append(token)

    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        choices = [ExecutionStarted(), NodeStarted(NODE), NodeProgress(NODE, 1, 2), ExecutionSucceeded()]
        events = data.draw(st.lists(st.sampled_from([*choices, ExecutionInterrupted("", "")]), min_size=1, max_size=4))
        self.fenced(token, lives.record(self.life, token=token, events=told(*events), now=2.0))

    @rule(data=st.data(), counts=st.booleans())
    def lose(self, data: st.DataObject, counts: bool) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        self.fenced(token, lose(self.life, token, counts=counts))

    @rule()
    def interrupt(self) -> None:
        self.take(lives.request_interrupt(self.life))

    @rule()
    def cancel(self) -> None:
        self.take(lives.cancel(self.life, now=4.0))

    @rule(data=st.data())
    def time_out(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from([*self.tokens, None]))
        due = Deadline(1.0, 1.0, token) if token else Deadline(0.0, 2.0)
        good = not self.life.state.is_terminal and token in (None, self.life.lease_token)
        assert self.take(lives.time_out(self.life, due, now=5.0)) is good

    @invariant()
    def durable_events_are_numbered_without_gaps(self) -> None:
        durable = [event.sequence for event in getattr(self, "events", ()) if event.is_durable]
        assert durable == list(range(1, len(durable) + 1))

    @invariant()
    def there_is_one_terminal_event_and_it_is_the_last(self) -> None:
        if not hasattr(self, "life"):
            return
        ends = [event.is_terminal for event in self.events]
        assert any(ends) is self.life.state.is_terminal
        assert not any(ends[:-1])

    @invariant()
    def a_lease_and_an_open_attempt_are_there_while_it_runs(self) -> None:
        if not hasattr(self, "life"):
            return
        runs = self.life.state is PromptState.RUNNING
        assert (self.life.lease is not None) is runs
        assert sum(attempt.ended_at is None for attempt in self.life.attempts) == runs
        assert self.life.failures <= MAX_ATTEMPTS


TestLifetime = Lifetime.TestCase
TestLifetime.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
