"""Frames between the agent and its worker."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque

import pytest

from services.errors import DataLoss, ResourceExhausted
from services.executor import ipc
from services.graph.events import NodePreview, NodeRef
from services.queue.work import TimedEvent

RUN = ipc.RunPrompt(
    run=3,
    prompt_id="p",
    graph_json=b'{"1": {"seed": 18446744073709551615}}',
    extra_data_json=b"{}",
    output_node_ids=("9",),
    previews_wanted=True,
)


async def test_messages_arrive_whole_and_in_order_in_both_directions() -> None:
    ours, theirs = socket.socketpair()
    worker = ipc.WorkerEnd(theirs)
    agent = await ipc.AgentEnd.over(ours)
    preview = NodePreview(NodeRef.of_workflow("4"), "image/jpeg", bytes(range(256)) * 8192)
    sent: list[ipc.FromWorker] = [ipc.RunEvent(3, TimedEvent(1.5, preview)), ipc.DeviceReport(())]
    sender = threading.Thread(target=lambda: deque(map(worker.send, sent)))
    sender.start()
    assert [await agent.receive(), await agent.receive()] == sent
    sender.join()
    agent.send(RUN)
    agent.send(ipc.InterruptRun(3))
    assert await asyncio.to_thread(worker.receive) == RUN
    assert await asyncio.to_thread(worker.receive) == ipc.InterruptRun(3)
    agent.close()
    assert await asyncio.to_thread(worker.receive) is None
    theirs.close()


async def test_a_worker_that_dies_within_a_frame_reads_as_gone() -> None:
    ours, theirs = socket.socketpair()
    agent = await ipc.AgentEnd.over(ours)
    theirs.sendall(ipc.encode_frame(ipc.DeviceReport(()))[:-1])
    theirs.close()
    assert await agent.receive() is None
    agent.send(RUN)
    agent.close()


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02\xc1\xc1"])
async def test_what_is_not_a_frame_is_refused(garbage: bytes) -> None:
    ours, theirs = socket.socketpair()
    agent = await ipc.AgentEnd.over(ours)
    theirs.sendall(garbage)
    with pytest.raises(DataLoss):
        await agent.receive()
    agent.close()
    theirs.close()


def test_a_message_beyond_the_limit_is_refused_where_it_is_sent() -> None:
    with pytest.raises(ResourceExhausted, match="NodesLoaded"):
        ipc.encode_frame(ipc.NodesLoaded("", b"0" * (ipc.MAX_FRAME_BYTES + 1)))
