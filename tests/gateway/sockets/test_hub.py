"""Who is told what when sockets come and go."""

from __future__ import annotations

import json

import msgspec

from services.gateway.sockets import hub as limits
from services.gateway.sockets import runs
from services.gateway.sockets.hub import Hub
from services.gateway.sockets.narration import LARGEST_REPEATED_BOARD
from services.gateway.sockets.socket import Socket
from services.graph.events import (
    ExecutionEvent,
    ExecutionStarted,
    ExecutionSucceeded,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeRef,
    NodesCached,
    NodeStarted,
)
from services.queue.logs import LogFollowers, LogLine, LogLines
from services.queue.records import Assigned, Cancelled, Event, LifecycleEvent, Requeued, Submitted
from tests.gateway.sockets.receiving import sent
from tests.recordings import Frame

ONE, TWO = NodeRef.of_workflow("1"), NodeRef.of_workflow("2")
SHOWN = json.dumps({"images": []}).encode()


class Prompt:
    """Makes the events of one prompt."""

    def __init__(self, hub: Hub, client_id: str = "me", prompt_id: str = "p") -> None:
        self.hub = hub
        self.client_id = client_id
        self.prompt_id = prompt_id
        self.events: list[Event] = []
        self._sequence = 0

    def __call__(self, *bodies: LifecycleEvent | ExecutionEvent) -> None:
        """Publish these, in one batch."""
        batch = [self._event(body) for body in bodies]
        self.events += batch
        self.hub.publish(batch)

    def _event(self, body: LifecycleEvent | ExecutionEvent) -> Event:
        event = Event(
            prompt_id=self.prompt_id,
            sequence=self._sequence + 1,
            happened_at=1.0,
            client_id=self.client_id,
            body=body,
            queue_remaining=0 if isinstance(body, ExecutionSucceeded) else 1,
        )
        if not event.is_durable:
            return msgspec.structs.replace(event, sequence=self._sequence)
        self._sequence += 1
        return event


def event_of(prompt_id: str, body: LifecycleEvent, remaining: int) -> Event:
    sequence = 2 if isinstance(body, Cancelled) else 1
    return Event(
        prompt_id=prompt_id,
        sequence=sequence,
        happened_at=1.0,
        client_id="me",
        body=body,
        queue_remaining=remaining,
    )


def joined(hub: Hub, client_id: str = "me", *, metadata: bool = False) -> Socket:
    socket = hub.socket(client_id)
    socket.metadata = metadata
    hub.join(socket, 0)
    return socket


def kinds(frames: list[Frame]) -> list[str]:
    """Types of messages, "picture" for binary ones."""
    return ["picture" if isinstance(frame, bytes) else frame["type"] for frame in frames]


def of_prompt(frames: list[Frame]) -> list[str]:
    return [kind for kind in kinds(frames) if kind not in ("status", "progress_state")]


async def test_a_socket_that_opens_after_the_end_is_told_everything_that_lasts() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    prompt(Submitted(), Assigned("e", 1), ExecutionStarted(), NodesCached(()), NodeStarted(ONE))
    prompt(NodeFinished(ONE, b"", False), NodeFinished(TWO, SHOWN, False), ExecutionSucceeded())
    frames = await sent(joined(hub))
    assert kinds(frames) == [
        "status",
        "execution_start",
        "execution_cached",
        "executed",
        "execution_success",
        "executing",
    ]
    assert isinstance(frames[-1], dict)
    assert frames[-1]["data"] == {"node": None, "prompt_id": "p"}


async def test_what_was_delivered_is_not_told_again() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    first = joined(hub)
    prompt(Submitted(), Assigned("e", 1), ExecutionStarted(), NodesCached(()), NodeFinished(ONE, SHOWN, False))
    prompt(ExecutionSucceeded())
    await sent(first)
    hub.leave(first)
    assert kinds(await sent(joined(hub))) == ["status"]


async def test_what_waited_in_a_socket_that_broke_is_told_to_the_next_one() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    first = joined(hub)
    prompt(ExecutionStarted(), NodesCached(()))
    await sent(first)
    prompt(NodeFinished(ONE, SHOWN, False), ExecutionSucceeded())
    hub.leave(first)
    assert of_prompt(await sent(joined(hub))) == ["executed", "execution_success", "executing"]


async def test_a_socket_that_comes_back_in_mid_run_is_told_where_things_stand() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    first = joined(hub)
    prompt(ExecutionStarted(), NodesCached(()), NodeStarted(ONE))
    await sent(first)
    hub.leave(first)
    prompt(NodeFinished(ONE, SHOWN, False), NodeStarted(TWO))
    prompt(NodeProgress(TWO, 3.0, 20.0), NodePreview(TWO, "image/jpeg", b"jpeg"))
    frames = await sent(joined(hub))
    assert kinds(frames) == ["status", "executed", "progress_state", "executing", "picture"]
    state, executing, picture = frames[2:]
    assert isinstance(state, dict)
    assert isinstance(executing, dict)
    assert state["data"]["nodes"]["2"]["value"] == 3
    assert executing["data"]["node"] == "2"
    assert picture == b"\0\0\0\1\0\0\0\1jpeg"


async def test_every_socket_of_a_client_is_told_and_the_older_one_may_close() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    older, newer = joined(hub), joined(hub)
    prompt(ExecutionStarted(), NodesCached(()))
    assert of_prompt(await sent(older)) == of_prompt(await sent(newer)) == ["execution_start", "execution_cached"]
    hub.leave(older)
    prompt(NodeStarted(ONE))
    assert of_prompt(await sent(newer)) == ["executing"]
    assert await sent(older) == []


async def test_an_attempt_that_was_void_is_not_told_to_a_late_socket() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    prompt(ExecutionStarted(), NodesCached(()), NodeFinished(ONE, SHOWN, False), Requeued("worker killed"))
    prompt(Assigned("e", 2), ExecutionStarted(), NodesCached(()))
    assert kinds(await sent(joined(hub))) == ["status", "execution_start", "execution_cached"]


async def test_events_that_come_twice_are_told_once() -> None:
    hub = Hub()
    prompt = Prompt(hub)
    socket = joined(hub)
    prompt(ExecutionStarted(), NodesCached(()), NodeFinished(ONE, SHOWN, False), ExecutionSucceeded())
    before = of_prompt(await sent(socket))
    hub.publish(prompt.events)
    assert before == ["execution_start", "execution_cached", "executed", "execution_success", "executing"]
    assert of_prompt(await sent(socket)) == []


async def test_the_number_of_prompts_is_told_once_per_change() -> None:
    hub = Hub()
    socket = joined(hub)
    hub.set_remaining(3)
    hub.set_remaining(3)
    frames = await sent(socket)
    told = [frame["data"]["status"] for frame in frames if isinstance(frame, dict)]
    assert told == [{"exec_info": {"queue_remaining": 0}}, {"exec_info": {"queue_remaining": 3}}]


async def test_that_prompts_were_taken_back_together_is_told_once() -> None:
    hub = Hub()
    socket = joined(hub)
    left = [event_of(f"p{number}", Cancelled(), remaining=3 - number) for number in range(3)]
    hub.publish([event_of(f"p{number}", Submitted(), remaining=number + 1) for number in range(3)])
    await sent(socket)
    hub.publish(left)
    told = [frame["data"]["status"]["exec_info"] for frame in await sent(socket) if isinstance(frame, dict)]
    assert told == [{"queue_remaining": 1}]


async def test_ended_prompts_are_forgotten_when_there_are_many_and_running_ones_are_not() -> None:
    hub = Hub()
    running = Prompt(hub, prompt_id="running")
    running(ExecutionStarted(), NodesCached(()))
    for number in range(runs.MAX_RUNS + 2 * runs.CLEAN_SURPLUS):
        Prompt(hub, "somebody", f"p{number}")(ExecutionStarted(), ExecutionSucceeded())
    assert hub.under_way() == ["running"]
    late = await sent(joined(hub, "somebody"))
    assert len([kind for kind in kinds(late) if kind == "execution_success"]) < runs.MAX_RUNS + runs.CLEAN_SURPLUS


async def test_a_late_socket_for_which_there_is_too_much_is_told_the_ends_and_the_latest() -> None:
    hub = Hub()
    long = json.dumps({"text": ["x" * (limits.MAX_RETOLD_BYTES // 3)]}).encode()
    for number in range(5):
        Prompt(hub, prompt_id=f"p{number}")(ExecutionStarted(), NodeFinished(ONE, long, False), ExecutionSucceeded())
    frames = await sent(joined(hub))
    assert kinds(frames).count("execution_success") == 5
    executed = [
        frame["data"]["prompt_id"] for frame in frames if isinstance(frame, dict) and frame["type"] == "executed"
    ]
    assert executed == ["p3", "p4"]


async def test_of_very_many_prompts_only_the_latest_are_told() -> None:
    hub = Hub()
    for number in range(limits.MAX_RETOLD + 10):
        Prompt(hub, prompt_id=f"p{number}")(ExecutionStarted(), ExecutionSucceeded())
    assert kinds(await sent(joined(hub))).count("execution_success") == limits.MAX_RETOLD


async def test_glimpses_go_only_to_clients_that_can_tell_them_from_results() -> None:
    hub = Hub()
    plain, negotiated = joined(hub), joined(hub, metadata=True)
    glimpse = NodePreview(ONE, "image/jpeg", b"glimpse", provisional=True)
    result = NodePreview(ONE, "image/png", b"result")
    Prompt(hub)(ExecutionStarted(), NodeProgress(ONE, 1, 2), glimpse, result)
    pictures = [[frame for frame in await sent(socket) if isinstance(frame, bytes)] for socket in (plain, negotiated)]
    assert [frame.endswith(b"result") for frame in pictures[0]] == [True]
    assert [frame.endswith(b"glimpse") for frame in pictures[1]] == [True, False]


async def test_a_socket_that_comes_back_is_shown_the_last_glimpse_if_it_can_tell_it_from_a_result() -> None:
    hub = Hub()
    Prompt(hub)(ExecutionStarted(), NodeStarted(ONE), NodePreview(ONE, "image/jpeg", b"glimpse", provisional=True))
    assert not [frame for frame in await sent(joined(hub)) if isinstance(frame, bytes)]
    assert [frame for frame in await sent(joined(hub, metadata=True)) if isinstance(frame, bytes)]


async def test_the_state_of_very_many_nodes_is_told_with_the_last_of_what_happened_at_once() -> None:
    hub = Hub()
    prompt, socket = Prompt(hub), joined(hub)
    nodes = [NodeRef.of_workflow(str(number)) for number in range(2 * LARGEST_REPEATED_BOARD)]
    prompt(ExecutionStarted(), *(NodeStarted(node) for node in nodes))
    await sent(socket)
    prompt(*(NodeFinished(node, b"", False) for node in nodes[:9]), NodePreview(ONE, "image/png", b"x"))
    assert [states_of(frame) for frame in await sent(socket) if is_board(frame)] == [{"running", "finished"}]
    prompt(*(NodeFinished(node, b"", False) for node in nodes[9:]), ExecutionSucceeded())
    assert [states_of(frame) for frame in await sent(socket) if is_board(frame)] == [{"finished"}]


async def test_the_state_of_few_nodes_is_told_with_all_that_happens() -> None:
    hub = Hub()
    prompt, socket = Prompt(hub), joined(hub)
    prompt(ExecutionStarted(), NodeStarted(ONE), NodeFinished(ONE, b"", False), NodeStarted(TWO), ExecutionSucceeded())
    assert len([frame for frame in await sent(socket) if is_board(frame)]) == 3


def is_board(frame: Frame) -> bool:
    return not isinstance(frame, bytes) and frame["type"] == "progress_state"


def states_of(frame: Frame) -> set[str]:
    assert not isinstance(frame, bytes)
    return {node["state"] for node in frame["data"]["nodes"].values()}


async def test_lines_of_the_log_are_told_to_followers_on_all_their_sockets() -> None:
    hub = Hub()
    sockets = [hub.socket(client_id) for client_id in ("me", "me", "other")]
    for socket in sockets:
        hub.join(socket, 0)
        await sent(socket)
    line = LogLine(written_at=1.0, text="hello\n")
    for notice in (LogLines((line,)), LogFollowers(("me", "gone")), LogLines((line, line)), LogFollowers(())):
        hub.publish([Event(prompt_id="", sequence=0, happened_at=1.0, client_id="", body=notice)])
    hub.publish([Event(prompt_id="", sequence=0, happened_at=1.0, client_id="", body=LogLines((line,)))])
    for told in [await sent(socket) for socket in sockets[:2]]:
        (frame,) = told
        assert isinstance(frame, dict)
        assert (frame["type"], [entry["m"] for entry in frame["data"]["entries"]]) == ("logs", ["hello\n"] * 2)
    assert await sent(sockets[2]) == []
