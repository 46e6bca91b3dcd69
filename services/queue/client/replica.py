"""A connection to one replica of the queue."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc

from services.errors import Unavailable
from services.queue.convert import prompts as convert
from services.queue.convert.work import request_to_proto, response_from_proto
from services.queue.records import Batch, Keys, PromptState
from services.queue.work import ExecutorMessage, QueueMessage
from services.rpc.channel import CALL_TIMEOUT, call, open_channel, stream
from services.rpc.security import NONE, Security
from silverprint.executor.v1 import worker_pb2, worker_pb2_grpc
from silverprint.queue.v1 import api_keys_pb2_grpc, queue_pb2_grpc
from silverprint.queue.v1 import queue_pb2 as pb

C = TypeVar("C", bound=grpc.aio.Call)

#: Seconds for which a replica that could not be reached is asked last; longer while there is no connection to it.
REST = 2.0


class Replica:
    """One process that serves the queue, at `host:port`."""

    def __init__(self, address: str, failed: Callable[[], None], security: Security = NONE) -> None:
        """`failed` is called whenever it turns out that it cannot be reached."""
        self.address = address
        self._failed = failed
        self._channel = open_channel(address, security)
        self.queue = queue_pb2_grpc.QueueServiceStub(self._channel)
        self.api_keys = api_keys_pb2_grpc.ApiKeyServiceStub(self._channel)
        self._worker = worker_pb2_grpc.WorkerServiceStub(self._channel)
        self._streams: set[grpc.aio.Call] = set()
        self._rests_until: float | None = None
        #: which replica is asked first differs between clients
        self.place = random.random()

    @property
    def is_in_use(self) -> bool:
        """Whether streams to it are open."""
        return bool(self._streams)

    @property
    def is_resting(self) -> bool:
        """Whether it could not be reached a moment ago, and has not been since."""
        if self._rests_until is None:
            return False
        is_there = self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY
        if is_there and time.monotonic() >= self._rests_until:
            self._rests_until = None
        return self._rests_until is not None

    def rest(self) -> None:
        """Take note that it cannot be reached."""
        self._failed()
        self._rests_until = time.monotonic() + REST

    async def close(self) -> None:
        """End the connection and every stream on it."""
        for open_stream in tuple(self._streams):  # the channel ends only those that somebody awaits at this moment
            open_stream.cancel()
        await self._channel.close()

    async def watch(
        self, prompt_id: str, after_sequence: int = 0, previews: bool = False, user: str | None = None
    ) -> AsyncGenerator[Batch, None]:
        """See `Queue.watch`."""
        request = pb.WatchRequest(prompt_id=prompt_id, after_sequence=after_sequence, previews=previews, user_id=user)
        with self.kept(self.queue.Watch(request)) as responses:
            async for response in stream(responses):
                yield convert.events_from_proto(response.events)

    async def keys(self, states: Collection[PromptState], *, limit: int, offset: int = 0, from_end: bool) -> Keys:
        """See `Queue.keys`; 500 at most."""
        numbers = [convert.STATES[state] for state in states]
        request = pb.ListPromptKeysRequest(states=numbers, limit=limit, offset=offset, from_end=from_end)
        response = await call(self.queue.ListPromptKeys(request, timeout=CALL_TIMEOUT))
        return list(map(convert.key_from_proto, response.keys))

    async def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """Be an executor: send `messages`, `Hello` first, and take what the queue wants; see `WorkerService.Work`."""
        with self.kept(self._worker.Work(_requests(messages))) as responses:
            async for response in stream(responses):
                message = response_from_proto(response)
                if message is not None:
                    yield message

    @contextmanager
    def kept(self, responses: C) -> Iterator[C]:
        """End a stream with the block, or with the connection."""
        self._streams.add(responses)
        try:
            yield responses
        except Unavailable:
            self._failed()
            raise
        finally:
            self._streams.discard(responses)
            responses.cancel()


async def _requests(messages: AsyncIterator[ExecutorMessage]) -> AsyncIterator[worker_pb2.WorkRequest]:
    async for message in messages:
        yield request_to_proto(message)
