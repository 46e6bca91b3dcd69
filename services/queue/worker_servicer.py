"""`WorkerService` over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from services.queue.convert.work import request_from_proto, response_to_proto
from services.queue.prompts import Queue
from services.queue.work import ExecutorMessage
from services.rpc.server import Servicer
from silverprint.executor.v1 import worker_pb2 as pb
from silverprint.executor.v1 import worker_pb2_grpc


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    """Translates the stream; what is said on it is in `WorkStreams`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    @property
    def entry(self) -> Servicer:
        """What the server needs to serve it."""
        name = pb.DESCRIPTOR.services_by_name["WorkerService"].full_name
        return Servicer(name, lambda server: worker_pb2_grpc.add_WorkerServiceServicer_to_server(self, server))

    async def Work(
        self, request_iterator: AsyncIterator[pb.WorkRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.WorkResponse]:
        async with aclosing(self._queue.work(_messages(request_iterator))) as messages:
            async for message in messages:
                yield response_to_proto(message)


async def _messages(requests: AsyncIterator[pb.WorkRequest]) -> AsyncIterator[ExecutorMessage]:
    async for request in requests:
        message = request_from_proto(request)
        if message is not None:
            yield message
