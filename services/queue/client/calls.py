"""The calls of the queue: the same methods as `services.queue.prompts.Queue`, over gRPC."""

from __future__ import annotations

import copy
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from types import TracebackType
from typing import Self

import msgspec

from services.graph.errors import PromptRejected
from services.queue.client.api_keys import ApiKeyClient
from services.queue.client.merged import MergedWatch
from services.queue.client.quotas import QuotaClient
from services.queue.client.replicas import Replicas
from services.queue.convert import logs, packs, webhooks
from services.queue.convert import prompts as convert
from services.queue.packs import HttpRequest, HttpResponsePart
from services.queue.records import (
    Accepted,
    Batch,
    Depths,
    Executors,
    Forgotten,
    Interrupted,
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
from services.rpc.channel import CALL_TIMEOUT, stream
from services.rpc.security import NONE, Security
from silverprint.queue.v1 import queue_pb2 as pb

#: Seconds that a caller waits for a long history to be forgotten; the queue goes on when they leave.
FORGET_TIMEOUT = 600.0


class QueueClient:
    """Connections to a queue at `host:port`; leave the block, or call `close`, to end them.

    Where the queue has several replicas, their addresses stand with commas between them, or are those of one name. A
    replica that cannot be reached is replaced by another one for as long as there is any.

    Every method raises, beside its own errors, `Unavailable` when the queue cannot be reached and
    `DeadlineExceeded` when it does not answer.
    """

    def __init__(self, targets: str, security: Security = NONE) -> None:
        """Raises InvalidArgument when there is no address among the targets, or a file cannot be read."""
        self.replicas = Replicas(targets, security)
        self._call = self.replicas.call
        #: whose prompts alone are there; None for everybody's
        self._user: str | None = None
        #: what users may have
        self.quotas = QuotaClient(self.replicas)
        #: the keys that clients of a gateway show
        self.api_keys = ApiKeyClient(self.replicas)

    async def __aenter__(self) -> Self:
        await self.replicas.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections and every stream on them."""
        await self.replicas.close()

    def of(self, user: str | None) -> Self:
        """The same connections, for a user who sees no prompts but their own; None for everybody's."""
        theirs = copy.copy(self)
        theirs._user = user
        return theirs

    async def submit(self, submission: Submission) -> Accepted:
        """See `Queue.submit`."""
        is_named = submission.prompt_id or submission.idempotency_key
        if not is_named and self.replicas.only is None:  # the second replica may be asked for the same
            submission = msgspec.structs.replace(submission, prompt_id=str(uuid.uuid4()))
        request = convert.submission_to_proto(submission)
        response = await self._call(lambda queue: queue.Submit(request, timeout=CALL_TIMEOUT))
        if response.WhichOneof("outcome") == "rejected":
            raise PromptRejected(response.rejected.error_json, response.rejected.node_errors_json)
        return convert.accepted_from_proto(response.accepted)

    async def find_reusable(self, submission: Submission) -> Prompt | None:
        """See `Queue.find_reusable`."""
        request = pb.FindReusableRequest(submission=convert.submission_to_proto(submission))
        response = await self._call(lambda queue: queue.FindReusable(request, timeout=CALL_TIMEOUT))
        return convert.prompt_from_proto(response.prompt) if response.HasField("prompt") else None

    async def get(self, prompt_id: str) -> Prompt:
        """See `Queue.get`."""
        request = pb.GetPromptRequest(user_id=self._user, prompt_id=prompt_id)
        response = await self._call(lambda queue: queue.GetPrompt(request, timeout=CALL_TIMEOUT))
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
        request = pb.ListPromptKeysRequest(
            user_id=self._user, states=numbers, limit=limit, offset=offset, from_end=from_end
        )
        response = await self._call(lambda queue: queue.ListPromptKeys(request, timeout=CALL_TIMEOUT))
        return list(map(convert.key_from_proto, response.keys))

    async def find(self, search: Search) -> Page:
        """See `Queue.find`; a long list comes in several answers, so it may not be of one moment."""
        found: list[Prompt] = []
        while True:
            page, total = await self._found(search)
            found += page
            left = search.limit - len(page)
            if not page or left == 0 or search.offset + len(page) >= total:
                return found, total
            search = msgspec.structs.replace(search, offset=search.offset + len(page), limit=max(left, 0))

    async def cancel(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.cancel`."""
        request = pb.CancelPromptsRequest(user_id=self._user, prompt_ids=prompt_ids, all=prompt_ids is None)
        response = await self._call(lambda queue: queue.CancelPrompts(request, timeout=CALL_TIMEOUT))
        return list(response.prompt_ids)

    async def interrupt(self, prompt_ids: Collection[str] | None, *, wait: float = 0.0) -> Interrupted:
        """See `Queue.interrupt`."""
        request = pb.InterruptPromptsRequest(
            user_id=self._user, prompt_ids=prompt_ids, all=prompt_ids is None, wait_ms=round(wait * 1000)
        )
        response = await self._call(lambda queue: queue.InterruptPrompts(request, timeout=CALL_TIMEOUT))
        return Interrupted(list(response.prompt_ids), list(response.ended_prompt_ids))

    async def stop(self, prompt_ids: Collection[str]) -> PromptIds:
        """See `Queue.stop`."""
        request = pb.StopPromptsRequest(user_id=self._user, prompt_ids=prompt_ids)
        response = await self._call(lambda queue: queue.StopPrompts(request, timeout=CALL_TIMEOUT))
        return list(response.prompt_ids)

    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """See `Queue.forget`."""
        request = pb.ForgetPromptsRequest(user_id=self._user, prompt_ids=prompt_ids, all=prompt_ids is None)
        timeout = FORGET_TIMEOUT if prompt_ids is None else CALL_TIMEOUT
        response = await self._call(lambda queue: queue.ForgetPrompts(request, timeout=timeout))
        return list(response.prompt_ids)

    async def forget_finished(self, before: float) -> Forgotten:
        """See `Queue.forget_finished`."""
        request = convert.finished_before_to_proto(before, self._user)
        response = await self._call(lambda queue: queue.ForgetPrompts(request, timeout=FORGET_TIMEOUT))
        return Forgotten(response.forgotten, list(response.prompt_ids))

    async def export(self, prompt_id: str) -> bytes:
        """See `Queue.export`."""
        request = pb.ExportPromptRequest(user_id=self._user, prompt_id=prompt_id)
        response = await self._call(lambda queue: queue.ExportPrompt(request, timeout=CALL_TIMEOUT))
        return response.document_json

    async def webhook_deliveries(self, search: DeliverySearch) -> Deliveries:
        """See `Queue.webhook_deliveries`; 500 at most."""
        request = webhooks.search_to_proto(search)
        response = await self._call(lambda queue: queue.ListWebhookDeliveries(request, timeout=CALL_TIMEOUT))
        return list(map(webhooks.delivery_from_proto, response.deliveries))

    async def redeliver_webhook(self, delivery_id: str) -> Delivery:
        """See `Queue.redeliver_webhook`."""
        request = pb.RedeliverWebhookRequest(delivery_id=delivery_id)
        response = await self._call(lambda queue: queue.RedeliverWebhook(request, timeout=CALL_TIMEOUT))
        return webhooks.delivery_from_proto(response.delivery)

    async def release_memory(self, *, results: bool) -> PromptIds:
        """See `Queue.release_memory`."""
        request = pb.ReleaseMemoryRequest(results=results)
        response = await self._call(lambda queue: queue.ReleaseMemory(request, timeout=CALL_TIMEOUT))
        return list(response.executor_ids)

    async def drain_executor(self, executor_id: str, *, undo: bool = False) -> None:
        """See `Queue.drain_executor`."""
        request = pb.DrainExecutorRequest(executor_id=executor_id, undo=undo)
        await self._call(lambda queue: queue.DrainExecutor(request, timeout=CALL_TIMEOUT))

    def watch(
        self, prompt_id: str = "", *, after_sequence: int = 0, previews: bool = False
    ) -> AsyncGenerator[Batch, None]:
        """See `Queue.watch`; every replica is listened to, and no durable event is told twice."""
        only = self.replicas.only
        if only is not None:
            return only.watch(prompt_id, after_sequence, previews, self._user)
        return MergedWatch(self.replicas, prompt_id, after_sequence, previews, self._user).batches()

    async def stats(self) -> Stats:
        """See `Queue.stats`."""
        response = await self._call(
            lambda queue: queue.GetStats(pb.GetStatsRequest(user_id=self._user), timeout=CALL_TIMEOUT)
        )
        return Stats(response.pending, response.running)

    async def depths(self) -> Depths:
        """See `Queue.depths`."""
        response = await self._call(lambda queue: queue.GetDepths(pb.GetDepthsRequest(), timeout=CALL_TIMEOUT))
        return list(map(convert.depth_from_proto, response.depths))

    async def catalogue(self, known_digest: str = "") -> tuple[str, bytes | None]:
        """See `Queue.catalogue`."""
        request = pb.GetCatalogueRequest(known_digest=known_digest)
        response = await self._call(lambda queue: queue.GetCatalogue(request, timeout=CALL_TIMEOUT))
        return response.digest, response.definitions_json if response.digest != known_digest else None

    async def executors(self) -> Executors:
        """See `Queue.executors`."""
        response = await self._call(lambda queue: queue.ListExecutors(pb.ListExecutorsRequest(), timeout=CALL_TIMEOUT))
        return list(map(convert.executor_from_proto, response.executors))

    async def logs(self, prompt_id: str = "") -> Lines:
        """See `Queue.logs`; what all replicas remember."""
        request = pb.ReadLogsRequest(prompt_id=prompt_id)
        answers = await self.replicas.call_all(lambda queue: queue.ReadLogs(request, timeout=CALL_TIMEOUT))
        lines = [line for answer in answers for line in logs.lines_from_proto(answer.lines).lines]
        return sorted(lines, key=lambda line: line.written_at) if len(answers) > 1 else lines

    async def follow_logs(self, client_id: str, *, enabled: bool) -> None:
        """See `Queue.follow_logs`."""
        request = pb.FollowLogsRequest(client_id=client_id, enabled=enabled)
        await self.replicas.call_all(lambda queue: queue.FollowLogs(request, timeout=CALL_TIMEOUT))

    async def call_pack(self, request: HttpRequest) -> AsyncGenerator[HttpResponsePart, None]:
        """See `Queue.call_pack`; it is asked of one replica, once."""
        asked = pb.CallPackRequest(request=packs.http_request_to_proto(request))
        replica = self.replicas.first
        with replica.kept(replica.queue.CallPack(asked)) as responses:
            async for response in stream(responses):
                yield packs.part_from_proto(response.part)

    def work(self, messages: AsyncIterator[ExecutorMessage]) -> AsyncGenerator[QueueMessage, None]:
        """Be an executor of one replica; see `Replica.work`."""
        return self.replicas.first.work(messages)

    async def _found(self, search: Search) -> Page:
        request = convert.search_to_proto(msgspec.structs.replace(search, user_id=self._user))
        response = await self._call(lambda queue: queue.FindPrompts(request, timeout=CALL_TIMEOUT))
        return list(map(convert.prompt_from_proto, response.prompts)), response.total

    async def _page(self, states: Collection[PromptState], limit: int, offset: int, from_end: bool) -> Page:
        request = pb.ListPromptsRequest(
            user_id=self._user,
            states=[convert.STATES[state] for state in states],
            limit=limit,
            offset=offset,
            from_end=from_end,
        )
        response = await self._call(lambda queue: queue.ListPrompts(request, timeout=CALL_TIMEOUT))
        return list(map(convert.prompt_from_proto, response.prompts)), response.total
