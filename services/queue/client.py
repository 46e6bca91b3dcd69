"""The queue, from elsewhere: the same methods as `services.queue.prompts.Queue`, over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import grpc
import msgspec

from services.graph.errors import PromptRejected
from services.queue.convert import logs, packs, webhooks
from services.queue.convert import prompts as convert
from services.queue.convert.work import request_to_proto, response_from_proto
from services.queue.packs import HttpRequest, HttpResponsePart
from services.queue.records import (
    Accepted,
    Batch,
    Executors,
    Forgotten,
    Keys,
    Lines,
    Page,
    Prompt,
    PromptIds,
    PromptState,
    Search,
    Stats,
    Submission,
)
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch
from services.queue.work import ExecutorMessage, QueueMessage
from services.rpc.channel import CALL_TIMEOUT, call, open_channel, stream
from silverprint.executor.v1 import worker_pb2, worker_pb2_grpc
from silverprint.queue.v1 import queue_pb2 as pb
from silverprint.queue.v1 import queue_pb2_grpc

C = TypeVar("C", bound=grpc.aio.Call)

#: Seconds that a caller waits for a long history to be forgotten; the queue goes on when they leave.
FORGET_TIMEOUT = 600.0


class QueueClient:
    """A connection to a queue at `host:port`; leave the block, or call `close`, to end it.

    Every method raises, beside its own errors, `Unavailable` when the queue cannot be reached and
    `DeadlineExceeded` when it does not answer.
    """

    def __init__(self, target: str) -> None:
        self._channel = open_channel(target)
        self._queue = queue_pb2_grpc.QueueServiceStub(self._channel)
        self._worker = worker_pb2_grpc.WorkerServiceStub(self._channel)
        self._streams: set[grpc.aio.Call] = set()

    async def __aenter__(self) -> QueueClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection and every stream on it."""
        for open_stream in tuple(self._streams):  # the channel ends only those that somebody awaits at this moment
            open_stream.cancel()
        await self._channel.close()

    async def submit(self, submission: Submission) -> Accepted:
        """See `Queue.submit`."""
        request = convert.submission_to_proto(submission)
        response = await call(self._queue.Submit(request, timeout=CALL_TIMEOUT))
        if response.WhichOneof("outcome") == "rejected":
            raise PromptRejected(response.rejected.error_json, response.rejected.node_errors_json)
        return convert.accepted_from_proto(response.accepted)

    async def get(self, prompt_id: str) -> Prompt:
        """See `Queue.get`."""
        request = pb.GetPromptRequest(prompt_id=prompt_id)
        response = await call(self._queue.GetPrompt(request, timeout=CALL_TIMEOUT))
        return convert.prompt_from_proto(response.prompt)

    async def list(
        self, states: Collection[PromptState], *, limit: int = 0, offset: int = 0, from_end: bool = False
    ) -> Page:
        """See `Queue.list`; a long list comes in several answers, so it may not be of one moment."""
        prompts, total = await self._page(states, limit, offset, from_end)
        wanted = min(limit or total, max(0, total - offset))
        if from_end and len(prompts) < wanted:
            offset, prompts = total - wanted, []
        while len(prompts) < wanted:
            page, total = await self._page(states, wanted - len(prompts), offset + len(prompts), False)
            if not page:
                break
            prompts += page
        return prompts, total

    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int = 0, from_end: bool = False
    ) -> Keys:
        """See `Queue.keys`; 500 at most."""
        numbers = [convert.STATES[state] for state in states]
        request = pb.ListPromptKeysRequest(states=numbers, limit=limit, offset=offset, from_end=from_end)
        response = await call(self._queue.ListPromptKeys(request, timeout=CALL_TIMEOUT))
        return list(map(convert.key_from_proto, response.keys))

    async def find(self, search: Search) -> Page:
        """See `Queue.find`; a long list comes in several answers, so it may not be of one moment."""
        found: list[Prompt] = []
        while True:
            request = convert.search_to_proto(search)
            response = await call(self._queue.FindPrompts(request, timeout=CALL_TIMEOUT))
            page = list(map(convert.prompt_from_proto, response.prompts))
            found += page
            left = search.limit - len(page)
            if not page or left == 0 or search.offset + len(page) >= response.total:
                return found, response.total
            search = msgspec.structs.replace(search, offset=search.offset + len(page), limit=max(left, 0))

    async def cancel(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.cancel`."""
        request = pb.CancelPromptsRequest(prompt_ids=prompt_ids, all=prompt_ids is None)
        return list((await call(self._queue.CancelPrompts(request, timeout=CALL_TIMEOUT))).prompt_ids)

    async def interrupt(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.interrupt`."""
        request = pb.InterruptPromptsRequest(prompt_ids=prompt_ids, all=prompt_ids is None)
        return list((await call(self._queue.InterruptPrompts(request, timeout=CALL_TIMEOUT))).prompt_ids)

    async def stop(self, prompt_ids: Collection[str]) -> PromptIds:
        """See `Queue.stop`."""
        request = pb.StopPromptsRequest(prompt_ids=prompt_ids)
        return list((await call(self._queue.StopPrompts(request, timeout=CALL_TIMEOUT))).prompt_ids)

    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.forget`."""
        request = pb.ForgetPromptsRequest(prompt_ids=prompt_ids, all=prompt_ids is None)
        timeout = FORGET_TIMEOUT if prompt_ids is None else CALL_TIMEOUT
        return list((await call(self._queue.ForgetPrompts(request, timeout=timeout))).prompt_ids)

    async def forget_finished(self, before: float) -> Forgotten:
        """See `Queue.forget_finished`."""
        request = convert.finished_before_to_proto(before)
        response = await call(self._queue.ForgetPrompts(request, timeout=FORGET_TIMEOUT))
        return Forgotten(response.forgotten, list(response.prompt_ids))

    async def export(self, prompt_id: str) -> bytes:
        """See `Queue.export`."""
        request = pb.ExportPromptRequest(prompt_id=prompt_id)
        return (await call(self._queue.ExportPrompt(request, timeout=CALL_TIMEOUT))).document_json

    async def webhook_deliveries(self, search: DeliverySearch) -> Deliveries:
        """See `Queue.webhook_deliveries`; 500 at most."""
        request = webhooks.search_to_proto(search)
        response = await call(self._queue.ListWebhookDeliveries(request, timeout=CALL_TIMEOUT))
        return list(map(webhooks.delivery_from_proto, response.deliveries))

    async def redeliver_webhook(self, delivery_id: str) -> Delivery:
        """See `Queue.redeliver_webhook`."""
        request = pb.RedeliverWebhookRequest(delivery_id=delivery_id)
        response = await call(self._queue.RedeliverWebhook(request, timeout=CALL_TIMEOUT))
        return webhooks.delivery_from_proto(response.delivery)

    async def release_memory(self, *, results: bool) -> PromptIds:
        """See `Queue.release_memory`."""
        request = pb.ReleaseMemoryRequest(results=results)
        return list((await call(self._queue.ReleaseMemory(request, timeout=CALL_TIMEOUT))).executor_ids)

    async def drain_executor(self, executor_id: str, *, undo: bool = False) -> None:
        """See `Queue.drain_executor`."""
        request = pb.DrainExecutorRequest(executor_id=executor_id, undo=undo)
        await call(self._queue.DrainExecutor(request, timeout=CALL_TIMEOUT))

    async def watch(
        self, prompt_id: str = "", *, after_sequence: int = 0, previews: bool = False
    ) -> AsyncGenerator[Batch, None]:
        """See `Queue.watch`."""
        request = pb.WatchRequest(prompt_id=prompt_id, after_sequence=after_sequence, previews=previews)
        with self._kept(self._queue.Watch(request)) as responses:
            async for response in stream(responses):
                yield convert.events_from_proto(response.events)

    async def stats(self) -> Stats:
        """See `Queue.stats`."""
        response = await call(self._queue.GetStats(pb.GetStatsRequest(), timeout=CALL_TIMEOUT))
        return Stats(response.pending, response.running)

    async def catalogue(self, known_digest: str = "") -> tuple[str, bytes | None]:
        """See `Queue.catalogue`."""
        request = pb.GetCatalogueRequest(known_digest=known_digest)
        response = await call(self._queue.GetCatalogue(request, timeout=CALL_TIMEOUT))
        return response.digest, response.definitions_json if response.digest != known_digest else None

    async def executors(self) -> Executors:
        """See `Queue.executors`."""
        response = await call(self._queue.ListExecutors(pb.ListExecutorsRequest(), timeout=CALL_TIMEOUT))
        return list(map(convert.executor_from_proto, response.executors))

    async def logs(self, prompt_id: str = "") -> Lines:
        """See `Queue.logs`."""
        response = await call(self._queue.ReadLogs(pb.ReadLogsRequest(prompt_id=prompt_id), timeout=CALL_TIMEOUT))
        return list(logs.lines_from_proto(response.lines).lines)

    async def follow_logs(self, client_id: str, *, enabled: bool) -> None:
        """See `Queue.follow_logs`."""
        request = pb.FollowLogsRequest(client_id=client_id, enabled=enabled)
        await call(self._queue.FollowLogs(request, timeout=CALL_TIMEOUT))

    async def call_pack(self, request: HttpRequest) -> AsyncGenerator[HttpResponsePart, None]:
        """See `Queue.call_pack`."""
        asked = pb.CallPackRequest(request=packs.http_request_to_proto(request))
        with self._kept(self._queue.CallPack(asked)) as responses:
            async for response in stream(responses):
                yield packs.part_from_proto(response.part)

    async def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """Be an executor: send `messages`, `Hello` first, and take what the queue wants; see `WorkerService.Work`."""
        with self._kept(self._worker.Work(_requests(messages))) as responses:
            async for response in stream(responses):
                message = response_from_proto(response)
                if message is not None:
                    yield message

    @contextmanager
    def _kept(self, responses: C) -> Iterator[C]:
        """End a stream with the block, or with the connection."""
        self._streams.add(responses)
        try:
            yield responses
        finally:
            self._streams.discard(responses)
            responses.cancel()

    async def _page(self, states: Collection[PromptState], limit: int, offset: int, from_end: bool) -> Page:
        request = pb.ListPromptsRequest(
            states=[convert.STATES[state] for state in states], limit=limit, offset=offset, from_end=from_end
        )
        response = await call(self._queue.ListPrompts(request, timeout=CALL_TIMEOUT))
        return list(map(convert.prompt_from_proto, response.prompts)), response.total


async def _requests(messages: AsyncIterator[ExecutorMessage]) -> AsyncIterator[worker_pb2.WorkRequest]:
    async for message in messages:
        yield request_to_proto(message)
