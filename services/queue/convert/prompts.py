"""Prompts, their events and executors, as `silverprint.queue.v1` has them."""

from __future__ import annotations

from collections.abc import Iterable

from services.errors import InvalidArgument
from services.graph.events import ExecutionEvent
from services.queue.convert import logs, packs
from services.queue.convert.execution import event_from_proto as execution_from_proto
from services.queue.convert.execution import event_to_proto as execution_to_proto
from services.queue.convert.hosts import device_from_proto, device_to_proto, host_from_proto, host_to_proto
from services.queue.convert.provenance import record_from_proto, record_to_proto
from services.queue.convert.times import from_optional_us, from_us, to_us
from services.queue.logs import LogFollowers, LogLines
from services.queue.packs import PackMessage
from services.queue.records import (
    Accepted,
    Assigned,
    Attempt,
    Cancelled,
    Depth,
    Event,
    Executor,
    LifecycleEvent,
    Notice,
    Prompt,
    PromptKey,
    PromptOrder,
    PromptState,
    Requeued,
    Search,
    Submission,
    Submitted,
)
from services.queue.work import TimedEvent
from silverprint.queue.v1 import queue_pb2 as pb

STATES: dict[PromptState, pb.PromptState.ValueType] = {
    PromptState.PENDING: pb.PROMPT_STATE_PENDING,
    PromptState.RUNNING: pb.PROMPT_STATE_RUNNING,
    PromptState.SUCCEEDED: pb.PROMPT_STATE_SUCCEEDED,
    PromptState.FAILED: pb.PROMPT_STATE_FAILED,
    PromptState.INTERRUPTED: pb.PROMPT_STATE_INTERRUPTED,
    PromptState.CANCELLED: pb.PROMPT_STATE_CANCELLED,
}

_ORDERS: dict[PromptOrder, pb.PromptOrder.ValueType] = {
    PromptOrder.SUBMITTED: pb.PROMPT_ORDER_SUBMITTED,
    PromptOrder.DURATION: pb.PROMPT_ORDER_DURATION,
}

_STATE_OF = {number: state for state, number in STATES.items()}


def states_from_proto(numbers: Iterable[pb.PromptState.ValueType]) -> set[PromptState]:
    """The states of a request.

    Raises:
        InvalidArgument: one of them is unknown.
    """
    numbers = list(numbers)
    unknown = [number for number in numbers if number not in _STATE_OF]
    if unknown:
        raise InvalidArgument(f"there is no prompt state {unknown[0]}")
    return {_STATE_OF[number] for number in numbers}


def submission_to_proto(submission: Submission) -> pb.SubmitRequest:
    """The request of a submission."""
    request = pb.SubmitRequest(
        graph_json=submission.graph_json,
        extra_data_json=submission.extra_data_json,
        prompt_id=submission.prompt_id,
        client_id=submission.client_id,
        number=submission.number,
        front=submission.front,
        workflow_id=submission.workflow_id,
        webhook_url=submission.webhook_url,
        user_id=submission.user_id,
        priority=submission.priority,
        device_memory_bytes=submission.device_memory,
        run_timeout_seconds=submission.run_timeout,
        total_timeout_seconds=submission.total_timeout,
        idempotency_key=submission.idempotency_key,
        reuse=submission.reuse,
        reuse_salt=submission.reuse_salt,
        reuse_from=submission.reuse_from,
        traceparent=submission.traceparent,
        file_space=submission.file_space,
    )
    if submission.only_outputs is not None:
        request.only_outputs.SetInParent()
        request.only_outputs.node_ids.extend(submission.only_outputs)
    return request


def submission_from_proto(request: pb.SubmitRequest) -> Submission:
    """The submission of a request."""
    return Submission(
        graph_json=request.graph_json,
        extra_data_json=request.extra_data_json or b"{}",
        prompt_id=request.prompt_id,
        client_id=request.client_id,
        number=request.number if request.HasField("number") else None,
        front=request.front,
        only_outputs=tuple(request.only_outputs.node_ids) if request.HasField("only_outputs") else None,
        workflow_id=request.workflow_id,
        webhook_url=request.webhook_url,
        user_id=request.user_id,
        priority=request.priority,
        device_memory=request.device_memory_bytes,
        run_timeout=request.run_timeout_seconds if request.HasField("run_timeout_seconds") else None,
        total_timeout=request.total_timeout_seconds if request.HasField("total_timeout_seconds") else None,
        idempotency_key=request.idempotency_key,
        reuse=request.reuse,
        reuse_salt=request.reuse_salt,
        reuse_from=request.reuse_from if request.HasField("reuse_from") else None,
        traceparent=request.traceparent,
        file_space=request.file_space,
    )


def finished_before_to_proto(moment: float, user: str | None = None) -> pb.ForgetPromptsRequest:
    """The request to forget what finished before a time."""
    return pb.ForgetPromptsRequest(finished_before_us=max(1, to_us(moment)), user_id=user)


def finished_before_from_proto(request: pb.ForgetPromptsRequest) -> float | None:
    """The time before which prompts must have finished to be forgotten, None for no such wish.

    Raises:
        InvalidArgument: it is negative, or something else is wished for as well.
    """
    if request.finished_before_us < 0:
        raise InvalidArgument(f"finished_before_us must not be negative, it is {request.finished_before_us}")
    if request.finished_before_us and (request.all or request.prompt_ids):
        raise InvalidArgument("finished_before_us cannot go with prompt_ids or all")
    return from_optional_us(request.finished_before_us)


def search_to_proto(search: Search) -> pb.FindPromptsRequest:
    """The request of a search."""
    return pb.FindPromptsRequest(
        states=[STATES[state] for state in search.states],
        workflow_id=search.workflow_id,
        user_id=search.user_id,
        order=_ORDERS[search.order],
        reversed=search.reversed,
        limit=search.limit,
        offset=search.offset,
    )


def search_from_proto(request: pb.FindPromptsRequest) -> Search:
    """The search of a request.

    Raises:
        InvalidArgument: a state is unknown.
    """
    return Search(
        states=frozenset(states_from_proto(request.states)),
        workflow_id=request.workflow_id,
        user_id=request.user_id if request.HasField("user_id") else None,
        order=PromptOrder.DURATION if request.order == pb.PROMPT_ORDER_DURATION else PromptOrder.SUBMITTED,
        reversed=request.reversed,
        limit=request.limit,
        offset=request.offset,
    )


def accepted_to_proto(accepted: Accepted) -> pb.SubmitAccepted:
    """The message of an answer."""
    return pb.SubmitAccepted(
        prompt_id=accepted.prompt_id, number=accepted.number, node_errors_json=accepted.node_errors_json
    )


def accepted_from_proto(message: pb.SubmitAccepted) -> Accepted:
    """The answer of a message."""
    return Accepted(message.prompt_id, message.number, message.node_errors_json)


def prompt_to_proto(prompt: Prompt) -> pb.Prompt:
    """The message of a prompt."""
    return pb.Prompt(
        prompt_id=prompt.prompt_id,
        state=STATES[prompt.state],
        number=prompt.number,
        graph_json=prompt.graph_json,
        extra_data_json=prompt.extra_data_json,
        client_id=prompt.client_id,
        output_node_ids=prompt.output_node_ids,
        submitted_at_us=to_us(prompt.submitted_at),
        started_at_us=to_us(prompt.started_at),
        finished_at_us=to_us(prompt.finished_at),
        attempts=map(_attempt_to_proto, prompt.attempts),
        events=map(event_to_proto, prompt.events),
        workflow_id=prompt.workflow_id,
        user_id=prompt.user_id,
        priority=prompt.priority,
        run_timeout_seconds=prompt.run_timeout,
        total_timeout_seconds=prompt.total_timeout,
        reused_from=prompt.reused_from,
        file_space=prompt.file_space,
    )


def prompt_from_proto(message: pb.Prompt) -> Prompt:
    """The prompt of a message."""
    return Prompt(
        prompt_id=message.prompt_id,
        state=_STATE_OF[message.state],
        number=message.number,
        graph_json=message.graph_json,
        extra_data_json=message.extra_data_json,
        client_id=message.client_id,
        output_node_ids=tuple(message.output_node_ids),
        submitted_at=from_us(message.submitted_at_us),
        started_at=from_optional_us(message.started_at_us),
        finished_at=from_optional_us(message.finished_at_us),
        attempts=tuple(map(_attempt_from_proto, message.attempts)),
        events=tuple(events_from_proto(message.events)),
        workflow_id=message.workflow_id,
        user_id=message.user_id,
        priority=message.priority,
        run_timeout=message.run_timeout_seconds,
        total_timeout=message.total_timeout_seconds,
        reused_from=message.reused_from,
        file_space=message.file_space,
    )


def depth_to_proto(depth: Depth) -> pb.Depth:
    """The message of a depth."""
    return pb.Depth(
        state=STATES[depth.state],
        priority=depth.priority,
        is_named=depth.is_named,
        prompts=depth.prompts,
        oldest_us=to_us(depth.oldest),
    )


def depth_from_proto(message: pb.Depth) -> Depth:
    """The depth of a message."""
    state = _STATE_OF[message.state]
    return Depth(state, message.priority, message.is_named, message.prompts, from_us(message.oldest_us))


def key_to_proto(key: PromptKey) -> pb.PromptKey:
    """The message of a key."""
    return pb.PromptKey(prompt_id=key.prompt_id, finished_at_us=to_us(key.finished_at))


def key_from_proto(message: pb.PromptKey) -> PromptKey:
    """The key of a message."""
    return PromptKey(message.prompt_id, from_optional_us(message.finished_at_us))


def event_to_proto(event: Event) -> pb.Event:
    """The message of an event."""
    message = pb.Event(
        prompt_id=event.prompt_id,
        sequence=event.sequence,
        happened_at_us=to_us(event.happened_at),
        client_id=event.client_id,
        queue_remaining=event.queue_remaining,
    )
    match event.body:
        case Submitted():
            message.submitted.SetInParent()
        case Assigned(executor_id, attempt):
            message.assigned.CopyFrom(pb.Assigned(executor_id=executor_id, attempt=attempt))
        case Requeued(reason):
            message.requeued.CopyFrom(pb.Requeued(reason=reason))
        case Cancelled():
            message.cancelled.SetInParent()
        case PackMessage() as told:
            message.pack_message.CopyFrom(packs.message_to_proto(told))
        case LogLines() as lines:
            message.log_lines.CopyFrom(logs.lines_to_proto(lines))
        case LogFollowers(client_ids):
            message.log_followers.CopyFrom(pb.LogFollowers(client_ids=client_ids))
        case execution:
            message.execution.CopyFrom(execution_to_proto(TimedEvent(event.happened_at, execution)))
    return message


def events_from_proto(messages: Iterable[pb.Event]) -> list[Event]:
    """The events of messages, without those of a kind that only a newer version knows."""
    return [event for event in map(_event_from_proto, messages) if event is not None]


def executor_to_proto(executor: Executor) -> pb.Executor:
    """The message of an executor."""
    return pb.Executor(
        executor_id=executor.executor_id,
        host=executor.host,
        version=executor.version,
        slots=executor.slots,
        free_slots=executor.free_slots,
        devices=map(device_to_proto, executor.devices),
        host_info=host_to_proto(executor.host_info),
        connected_at_us=to_us(executor.connected_at),
        packs=packs.report_to_proto(executor.packs),
        draining=executor.draining,
    )


def executor_from_proto(message: pb.Executor) -> Executor:
    """The executor of a message."""
    return Executor(
        executor_id=message.executor_id,
        host=message.host,
        version=message.version,
        slots=message.slots,
        free_slots=message.free_slots,
        devices=tuple(map(device_from_proto, message.devices)),
        host_info=host_from_proto(message.host_info),
        connected_at=from_us(message.connected_at_us),
        packs=packs.report_from_proto(message.packs),
        draining=message.draining,
    )


def _event_from_proto(message: pb.Event) -> Event | None:
    body = _body_from_proto(message)
    if body is None:
        return None
    return Event(
        prompt_id=message.prompt_id,
        sequence=message.sequence,
        happened_at=from_us(message.happened_at_us),
        client_id=message.client_id,
        body=body,
        queue_remaining=message.queue_remaining,
    )


def _body_from_proto(message: pb.Event) -> LifecycleEvent | ExecutionEvent | Notice | None:
    match message.WhichOneof("body"):
        case "submitted":
            return Submitted()
        case "assigned":
            return Assigned(message.assigned.executor_id, message.assigned.attempt)
        case "requeued":
            return Requeued(message.requeued.reason)
        case "cancelled":
            return Cancelled()
        case "execution":
            timed = execution_from_proto(message.execution)
            return timed.event if timed else None
        case "pack_message":
            return packs.message_from_proto(message.pack_message)
        case "log_lines":
            return logs.lines_from_proto(message.log_lines)
        case "log_followers":
            return LogFollowers(tuple(message.log_followers.client_ids))
    return None


def _attempt_to_proto(attempt: Attempt) -> pb.Attempt:
    return pb.Attempt(
        number=attempt.number,
        executor_id=attempt.executor_id,
        started_at_us=to_us(attempt.started_at),
        ended_at_us=to_us(attempt.ended_at),
        outcome=attempt.outcome,
        record=record_to_proto(attempt.record) if attempt.record else None,
        device=attempt.device,
        worker_lost=attempt.worker_lost,
    )


def _attempt_from_proto(message: pb.Attempt) -> Attempt:
    return Attempt(
        message.number,
        message.executor_id,
        from_us(message.started_at_us),
        from_optional_us(message.ended_at_us),
        message.outcome,
        record_from_proto(message.record) if message.HasField("record") else None,
        device=message.device,
        worker_lost=message.worker_lost,
    )
