"""Everything that travels arrives as it was sent."""

from __future__ import annotations

import msgspec
import pytest

from services.errors import InvalidArgument
from services.graph.complaints import Complaint
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeBlocked,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
    NodeText,
)
from services.queue.convert import execution, hosts, prompts, work
from services.queue.logs import LogFollowers, LogLine, LogLines
from services.queue.packs import (
    BinaryMessage,
    HttpData,
    HttpHead,
    HttpRequest,
    NodePack,
    PackCancellation,
    PackFlow,
    PackMessage,
    PackReport,
    PackRequest,
    PackResponse,
    PackRoute,
    TextMessage,
)
from services.queue.records import (
    Accepted,
    Assigned,
    Assignment,
    Attempt,
    Cancelled,
    Event,
    Executor,
    Lease,
    LifecycleEvent,
    Notice,
    Prompt,
    PromptState,
    Requeued,
    Submission,
    Submitted,
)
from services.queue.work import (
    CataloguePublication,
    Drain,
    Drained,
    EventBatch,
    ExecutorMessage,
    Heartbeat,
    Hello,
    Interruption,
    LeaseLost,
    LeaseRelease,
    MemoryRelease,
    PreviewDemand,
    QueueMessage,
    TimedEvent,
    Validation,
    ValidationAnswer,
    Welcome,
)
from silverprint.executor.v1 import execution_pb2, worker_pb2
from silverprint.queue.v1 import queue_pb2
from tests.queue.executor import DEVICE, HOST

NODE = NodeRef.of_workflow("3")
CREATED = NodeRef("2.0.0.1", "2", "2", "2")
LEASE = Lease("p", "token")
GPU = msgspec.structs.replace(DEVICE, name="cuda:0 H100", type="cuda", index=0, torch_vram_total=5, torch_vram_free=3)

REPORT = PackReport(
    packs=(NodePack("fine", 3), NodePack("broken", 0, "ImportError: no")),
    routes=(PackRoute("GET", "/mine/{name}"),),
    extensions=("fine",),
)

SEED = b'{"seed": 18446744073709551615}'

EXECUTION: list[ExecutionEvent] = [
    ExecutionStarted(),
    NodesCached(("1", "2")),
    NodesCached(()),
    NodeStarted(CREATED),
    NodeProgress(NODE, 0.5, 20.0),
    NodePreview(NODE, "image/png", b"\x89PNG"),
    NodeText(NODE, "h\u00e9llo"),
    NodeFinished(NODE, b'{"images": []}', True),
    NodeFinished(NODE, b"", False),
    NodeBlocked(NODE, "PreviewImage", "stop here", ("1", "2")),
    ExecutionSucceeded(),
    ExecutionFailed(
        "3", "KSampler", "ValueError", "no\nway", ("line 1", "line 2"), ("1",), b'{"seed": 18446744073709551615}'
    ),
    ExecutionInterrupted("3", "KSampler", ("1", "2")),
]
LIFECYCLE: list[LifecycleEvent] = [Submitted(), Assigned("e", 2), Requeued("the lease expired"), Cancelled()]

FROM_EXECUTOR: list[ExecutorMessage] = [
    Hello(
        executor_id="e",
        host="h",
        version="1",
        slots=2,
        catalogue_digest="abc",
        devices=(DEVICE, GPU),
        host_info=HOST,
        held_leases=(LEASE,),
        draining=True,
    ),
    CataloguePublication("abc", b'{"A": {}}'),
    Heartbeat(free_slots=1, leases=(LEASE,), devices=(GPU,), host_info=HOST, draining=True),
    EventBatch(LEASE, tuple(TimedEvent(1_700_000_000.000001, event) for event in EXECUTION)),
    LeaseRelease(LEASE, "worker killed by signal 9", True, "7", "KSampler"),
    ValidationAnswer("r", {"1": [Complaint(None, "no", None), Complaint("x", "", "ValueError")]}),
    ValidationAnswer("r", {}),
    REPORT,
    PackMessage("c", TextMessage("mine.hello", b'{"a": NaN}')),
    PackMessage("", BinaryMessage(77, b"\x00\xff")),
    LogLines(
        (LogLine(written_at=1.25, text="a\n", prompt_id="p", executor_id="e"), LogLine(written_at=0.0, text="b\r"))
    ),
    PackResponse("1", HttpHead(404, (("X-A", "1"), ("X-A", "2")))),
    PackResponse("1", HttpData(b"\x00\xff")),
    PackResponse("1", None, "gone"),
]
FROM_QUEUE: list[QueueMessage] = [
    MemoryRelease(True),
    MemoryRelease(False),
    Drain(),
    Drain(undo=True),
    Drained(),
    Welcome(True, 30.0),
    Assignment(
        lease=LEASE,
        attempt=2,
        graph_json=b"{}",
        extra_data_json=b'{"a": NaN}',
        output_node_ids=("9", "1"),
        previews_wanted=True,
        client_id="c",
    ),
    LeaseLost(LEASE, "over"),
    Interruption(LEASE),
    Validation("r", b"{}", ("1", "2")),
    PreviewDemand(LEASE, False),
    PackRequest("1", HttpRequest("POST", "/a%20b", "x=1", (("X-A", "1"),), b"\x00\xff")),
    PackFlow("1", 5 << 20),
    PackCancellation("1"),
]
SUBMISSIONS = [
    Submission(graph_json=b"{}"),
    Submission(graph_json=b"{}", number=0.0, only_outputs=()),
    Submission(
        graph_json=b'{"1": 2}',
        extra_data_json=b'{"a": 1}',
        prompt_id="p",
        client_id="c",
        number=-2.5,
        front=True,
        only_outputs=("1", "2"),
        workflow_id="w",
        run_timeout=0.0,
        total_timeout=2.5,
        idempotency_key="k",
    ),
]


def kind(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("message", FROM_EXECUTOR, ids=kind)
def test_what_executors_say_arrives(message: ExecutorMessage) -> None:
    wire = work.request_to_proto(message).SerializeToString()
    assert work.request_from_proto(worker_pb2.WorkRequest.FromString(wire)) == message


@pytest.mark.parametrize("message", FROM_QUEUE, ids=kind)
def test_what_the_queue_says_arrives(message: QueueMessage) -> None:
    wire = work.response_to_proto(message).SerializeToString()
    assert work.response_from_proto(worker_pb2.WorkResponse.FromString(wire)) == message


def test_every_kind_of_message_is_tried() -> None:
    requests = {work.request_to_proto(message).WhichOneof("message") for message in FROM_EXECUTOR}
    responses = {work.response_to_proto(message).WhichOneof("message") for message in FROM_QUEUE}
    events = {execution.event_to_proto(TimedEvent(0, event)).WhichOneof("body") for event in EXECUTION}
    assert requests == set(worker_pb2.WorkRequest.DESCRIPTOR.fields_by_name)
    assert responses == set(worker_pb2.WorkResponse.DESCRIPTOR.fields_by_name)
    assert events == set(execution_pb2.ExecutionEvent.DESCRIPTOR.fields_by_name) - {"happened_at_us", "record"}


NOTICES = [*(message for message in FROM_EXECUTOR if isinstance(message, Notice)), LogFollowers(("a", "b"))]


@pytest.mark.parametrize("body", [*EXECUTION, *LIFECYCLE, *NOTICES], ids=kind)
def test_events_arrive(body: ExecutionEvent | LifecycleEvent | Notice) -> None:
    event = Event(prompt_id="p", sequence=7, happened_at=1.25, client_id="c", body=body, queue_remaining=3)
    wire = prompts.event_to_proto(event).SerializeToString()
    assert prompts.events_from_proto([queue_pb2.Event.FromString(wire)]) == [event]


@pytest.mark.parametrize("submission", SUBMISSIONS, ids=["plain", "falsy", "everything"])
def test_submissions_arrive(submission: Submission) -> None:
    wire = prompts.submission_to_proto(submission).SerializeToString()
    assert prompts.submission_from_proto(queue_pb2.SubmitRequest.FromString(wire)) == submission


@pytest.mark.parametrize("state", PromptState)
def test_prompts_arrive(state: PromptState) -> None:
    event = Event(prompt_id="p", sequence=1, happened_at=1.25, client_id="c", body=Submitted(), queue_remaining=1)
    prompt = Prompt(
        prompt_id="p",
        state=state,
        number=-1.0,
        graph_json=SEED,
        extra_data_json=b"{}",
        client_id="c",
        output_node_ids=("9",),
        submitted_at=1.25,
        started_at=2.5 if state is not PromptState.PENDING else None,
        finished_at=3.75 if state.is_terminal else None,
        attempts=(Attempt(1, "e", 2.5, 3.0, "lost", device="cpu", worker_lost=True), Attempt(2, "f", 3.5)),
        events=(event,) if state.is_terminal else (),
        run_timeout=1.5,
        total_timeout=2.5,
    )
    wire = prompts.prompt_to_proto(prompt).SerializeToString()
    assert prompts.prompt_from_proto(queue_pb2.Prompt.FromString(wire)) == prompt


def test_answers_and_executors_arrive() -> None:
    accepted = Accepted("p", 3.0, b'{"1": {}}')
    executor = Executor(
        executor_id="e",
        host="h",
        version="1",
        slots=2,
        free_slots=1,
        devices=(DEVICE, GPU),
        host_info=HOST,
        connected_at=1.5,
        packs=REPORT,
        draining=True,
    )
    assert prompts.accepted_from_proto(prompts.accepted_to_proto(accepted)) == accepted
    assert prompts.executor_from_proto(prompts.executor_to_proto(executor)) == executor


def test_a_device_without_number_is_not_device_zero() -> None:
    assert hosts.device_from_proto(hosts.device_to_proto(DEVICE)).index is None
    assert hosts.device_from_proto(hosts.device_to_proto(GPU)).index == 0


def test_what_only_a_newer_version_knows_is_passed_over() -> None:
    assert work.request_from_proto(worker_pb2.WorkRequest()) is None
    assert work.response_from_proto(worker_pb2.WorkResponse()) is None
    assert prompts.events_from_proto([queue_pb2.Event(prompt_id="p")]) == []
    batch = worker_pb2.EventBatch(events=[execution_pb2.ExecutionEvent(happened_at_us=1)])
    assert work.request_from_proto(worker_pb2.WorkRequest(events=batch)) == EventBatch(Lease("", ""), ())


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no prompt state 42"):
        prompts.states_from_proto([42])  # type: ignore[list-item]


def test_complaints_that_are_none_are_refused() -> None:
    answer = worker_pb2.ValidationAnswer(request_id="r", complaints_json=b"[1]")
    with pytest.raises(InvalidArgument, match="complaints cannot be read"):
        work.request_from_proto(worker_pb2.WorkRequest(validation=answer))
