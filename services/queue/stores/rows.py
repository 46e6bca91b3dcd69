"""Rows of a database as records and back: the same columns in every dialect of SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from services.graph.events import ExecutionEvent
from services.graph.requirements import Requirement
from services.queue.life import Life
from services.queue.records import Attempt, Event, LifecycleEvent, Prompt, PromptState, UserLimits

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])
_requirement = msgspec.msgpack.Decoder(Requirement)
_names = msgspec.json.Decoder(tuple[str, ...])
_body = msgspec.msgpack.Decoder(LifecycleEvent | ExecutionEvent)
_packer = msgspec.msgpack.Encoder()

Row = tuple[Any, ...]

#: Looked up thousands of times for a long list, which takes a tenth of what calling the class does.
_STATES = {state.value: state for state in PromptState}

_NO_ATTEMPTS = "[]"

#: Where it is in a row of a prompt.
_FINISHED_AT = 6


def changing_columns(life: Life) -> Row:
    """The columns of a life that change, in the order of the statements `change` and `add_prompt`."""
    return (
        life.state.value,
        life.submitted_at,
        life.started_at,
        life.finished_at,
        msgspec.json.encode(life.attempts).decode(),
        life.failures,
        life.sequence,
        life.attempt_sequence,
        life.lease_token,
        life.lease_until,
        int(life.interrupt_requested),
    )


def life_of(row: Row) -> tuple[int, Life]:
    """The row id and the life."""
    id_, prompt_id, client_id, state, submitted_at, started_at, finished_at, attempts, failures, sequence, *lease = row
    attempt_sequence, token, until, interrupt_requested, run_timeout, total_timeout, *place = lease
    user_id, priority, placement = place
    return id_, Life(
        prompt_id=prompt_id,
        client_id=client_id,
        state=_STATES[state],
        submitted_at=submitted_at,
        started_at=started_at,
        finished_at=finished_at,
        attempts=_attempts_of(attempts),
        failures=failures,
        sequence=sequence,
        attempt_sequence=attempt_sequence,
        lease_token=token,
        lease_until=until,
        interrupt_requested=bool(interrupt_requested),
        user_id=user_id,
        priority=priority,
        placement=placement,
        run_timeout=run_timeout,
        total_timeout=total_timeout,
    )


def event_columns(event: Event) -> Row:
    """The columns of an event after its prompt."""
    return event.sequence, event.happened_at, event.queue_remaining, _packer.encode(event.body)


def event_of(prompt_id: str, client_id: str, row: Row) -> Event:
    """The event of a row."""
    sequence, happened_at, queue_remaining, body = row
    return Event(
        prompt_id=prompt_id,
        sequence=sequence,
        happened_at=happened_at,
        client_id=client_id,
        body=_body.decode(body),
        queue_remaining=queue_remaining,
    )


def names_column(names: tuple[str, ...]) -> str:
    """A list of names."""
    return msgspec.json.encode(names).decode()


@lru_cache(maxsize=1024)
def names_of(column: str) -> tuple[str, ...]:
    """The names of a list; many prompts have the same."""
    return _names.decode(column)


def requirement_column(requirement: Requirement) -> bytes:
    """What prompts need."""
    return _packer.encode(requirement)


def requirement_of(column: bytes) -> Requirement:
    """What prompts need, of its column."""
    return _requirement.decode(column)


def limits_columns(limits: UserLimits) -> Row:
    """What was said about a user."""
    nodes = names_column(limits.allowed_nodes), names_column(limits.denied_nodes)
    return limits.user_id, limits.weight, limits.max_waiting, limits.max_running, *nodes


def limits_of(row: Row) -> UserLimits:
    """What was said about a user, of a row."""
    user_id, weight, max_waiting, max_running, allowed_nodes, denied_nodes = row
    return UserLimits(
        user_id=user_id,
        weight=weight,
        max_waiting=max_waiting,
        max_running=max_running,
        allowed_nodes=names_of(allowed_nodes),
        denied_nodes=names_of(denied_nodes),
    )


def prompts_of(ids: Sequence[int], table: Iterable[Row], event_table: Iterable[Row]) -> list[Prompt]:
    """The prompts of rows, in their order, with the events whose rows begin with theirs."""
    events: dict[int, list[Row]] = {}
    for id_, *event in event_table:
        events.setdefault(id_, []).append(tuple(event))
    return [_prompt_of(row, events.get(id_, ())) for id_, row in zip(ids, table, strict=True)]


def finished_of(ids: Sequence[int], table: Iterable[Row]) -> list[int]:
    """Those of these prompts that have events to be shown."""
    return [id_ for id_, row in zip(ids, table, strict=True) if row[_FINISHED_AT] is not None]


def _prompt_of(row: Row, event_rows: Sequence[Row]) -> Prompt:
    (
        prompt_id,
        state,
        number,
        client_id,
        submitted_at,
        started_at,
        finished_at,
        attempts,
        workflow_id,
        user_id,
        priority,
        run_timeout,
        total_timeout,
        reused_from,
        graph,
        extra_data,
        outputs,
        file_space,
    ) = row
    return Prompt(
        prompt_id=prompt_id,
        state=_STATES[state],
        number=number,
        graph_json=graph,
        extra_data_json=extra_data,
        client_id=client_id,
        output_node_ids=names_of(outputs),
        submitted_at=submitted_at,
        started_at=started_at,
        finished_at=finished_at,
        attempts=_attempts_of(attempts),
        workflow_id=workflow_id,
        user_id=user_id,
        priority=priority,
        run_timeout=run_timeout,
        total_timeout=total_timeout,
        reused_from=reused_from,
        file_space=file_space,
        events=tuple([event_of(prompt_id, client_id, event) for event in event_rows]),
    )


def _attempts_of(column: str) -> tuple[Attempt, ...]:
    return _attempts.decode(column) if column != _NO_ATTEMPTS else ()
