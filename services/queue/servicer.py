"""`QueueService` over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from typing import Any

import grpc
import msgspec

from services.graph.errors import PromptRejected
from services.queue.convert import logs, packs, quotas, webhooks
from services.queue.convert import prompts as convert
from services.queue.convert.shared_events import SharedEvents
from services.queue.logs import LogLines
from services.queue.prompts import Queue
from services.rpc.server import Servicer
from silverprint.queue.v1 import queue_pb2 as pb
from silverprint.queue.v1 import queue_pb2_grpc

#: Prompts in one answer of `ListPrompts`, and the bytes after which it ends; callers ask for the rest.
PAGE_PROMPTS = 500
PAGE_BYTES = 4 << 20

#: Requests that may be about one user's prompts.
_OfUser = (
    pb.GetPromptRequest
    | pb.ListPromptsRequest
    | pb.ListPromptKeysRequest
    | pb.CancelPromptsRequest
    | pb.InterruptPromptsRequest
    | pb.StopPromptsRequest
    | pb.ForgetPromptsRequest
    | pb.ExportPromptRequest
    | pb.WatchRequest
    | pb.GetStatsRequest
)

Context = grpc.aio.ServicerContext[Any, Any]


class QueueServicer(queue_pb2_grpc.QueueServiceServicer):
    """Translates calls; what they mean is in `Queue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._events = SharedEvents()

    @property
    def entry(self) -> Servicer:
        """What the server needs to serve it."""
        name = pb.DESCRIPTOR.services_by_name["QueueService"].full_name
        return Servicer(name, lambda server: queue_pb2_grpc.add_QueueServiceServicer_to_server(self, server))

    async def Submit(self, request: pb.SubmitRequest, context: Context) -> pb.SubmitResponse:
        try:
            accepted = await self._queue.submit(convert.submission_from_proto(request))
        except PromptRejected as rejection:
            rejected = pb.SubmitRejected(error_json=rejection.error_json, node_errors_json=rejection.node_errors_json)
            return pb.SubmitResponse(rejected=rejected)
        return pb.SubmitResponse(accepted=convert.accepted_to_proto(accepted))

    async def FindReusable(self, request: pb.FindReusableRequest, context: Context) -> pb.FindReusableResponse:
        prompt = await self._queue.find_reusable(convert.submission_from_proto(request.submission))
        return pb.FindReusableResponse(prompt=convert.prompt_to_proto(prompt) if prompt else None)

    async def SetUserLimits(self, request: pb.SetUserLimitsRequest, context: Context) -> pb.SetUserLimitsResponse:
        await self._queue.quotas.set(quotas.limits_from_proto(request.limits))
        return pb.SetUserLimitsResponse()

    async def ListUserLimits(self, request: pb.ListUserLimitsRequest, context: Context) -> pb.ListUserLimitsResponse:
        return pb.ListUserLimitsResponse(limits=map(quotas.limits_to_proto, await self._queue.quotas.all()))

    async def DeleteUserLimits(
        self, request: pb.DeleteUserLimitsRequest, context: Context
    ) -> pb.DeleteUserLimitsResponse:
        await self._queue.quotas.delete(request.user_id)
        return pb.DeleteUserLimitsResponse()

    async def GetPrompt(self, request: pb.GetPromptRequest, context: Context) -> pb.GetPromptResponse:
        return pb.GetPromptResponse(
            prompt=convert.prompt_to_proto(await self._queue.get(request.prompt_id, user=_user(request)))
        )

    async def ListPrompts(self, request: pb.ListPromptsRequest, context: Context) -> pb.ListPromptsResponse:
        states = convert.states_from_proto(request.states)
        limit = min(request.limit, PAGE_PROMPTS) or PAGE_PROMPTS
        prompts, total = await self._queue.list(
            states, limit=limit, offset=request.offset, from_end=request.from_end, user=_user(request)
        )
        messages = [convert.prompt_to_proto(prompt) for prompt in prompts]
        return pb.ListPromptsResponse(prompts=_page(messages, request.from_end), total=total)

    async def ListPromptKeys(self, request: pb.ListPromptKeysRequest, context: Context) -> pb.ListPromptKeysResponse:
        states = convert.states_from_proto(request.states)
        limit = min(request.limit, PAGE_PROMPTS) or PAGE_PROMPTS
        keys = await self._queue.keys(
            states, limit=limit, offset=request.offset, from_end=request.from_end, user=_user(request)
        )
        return pb.ListPromptKeysResponse(keys=map(convert.key_to_proto, keys))

    async def FindPrompts(self, request: pb.FindPromptsRequest, context: Context) -> pb.FindPromptsResponse:
        search = convert.search_from_proto(request)
        limit = min(search.limit, PAGE_PROMPTS) or PAGE_PROMPTS
        prompts, total = await self._queue.find(msgspec.structs.replace(search, limit=limit))
        messages = [convert.prompt_to_proto(prompt) for prompt in prompts]
        return pb.FindPromptsResponse(prompts=_page(messages, False), total=total)

    async def CancelPrompts(self, request: pb.CancelPromptsRequest, context: Context) -> pb.CancelPromptsResponse:
        prompt_ids = await self._queue.cancel(_chosen(request), user=_user(request))
        return pb.CancelPromptsResponse(prompt_ids=prompt_ids)

    async def InterruptPrompts(
        self, request: pb.InterruptPromptsRequest, context: Context
    ) -> pb.InterruptPromptsResponse:
        wait = request.wait_ms / 1000
        asked, ended = await self._queue.interrupt(_chosen(request), wait=wait, user=_user(request))
        return pb.InterruptPromptsResponse(prompt_ids=asked, ended_prompt_ids=ended)

    async def StopPrompts(self, request: pb.StopPromptsRequest, context: Context) -> pb.StopPromptsResponse:
        return pb.StopPromptsResponse(prompt_ids=await self._queue.stop(request.prompt_ids, user=_user(request)))

    async def ForgetPrompts(self, request: pb.ForgetPromptsRequest, context: Context) -> pb.ForgetPromptsResponse:
        before = convert.finished_before_from_proto(request)
        if before is not None:
            forgotten = await self._queue.forget_finished(before, user=_user(request))
            return pb.ForgetPromptsResponse(prompt_ids=forgotten.prompt_ids, forgotten=forgotten.count)
        prompt_ids = await self._queue.forget(_chosen(request), user=_user(request))
        return pb.ForgetPromptsResponse(prompt_ids=prompt_ids, forgotten=len(prompt_ids))

    async def ExportPrompt(self, request: pb.ExportPromptRequest, context: Context) -> pb.ExportPromptResponse:
        document_json = await self._queue.export(request.prompt_id, user=_user(request))
        return pb.ExportPromptResponse(document_json=document_json)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, context: Context
    ) -> pb.ListWebhookDeliveriesResponse:
        deliveries = await self._queue.webhook_deliveries(webhooks.search_from_proto(request))
        return pb.ListWebhookDeliveriesResponse(deliveries=map(webhooks.delivery_to_proto, deliveries))

    async def RedeliverWebhook(
        self, request: pb.RedeliverWebhookRequest, context: Context
    ) -> pb.RedeliverWebhookResponse:
        delivery = await self._queue.redeliver_webhook(request.delivery_id)
        return pb.RedeliverWebhookResponse(delivery=webhooks.delivery_to_proto(delivery))

    async def ReleaseMemory(self, request: pb.ReleaseMemoryRequest, context: Context) -> pb.ReleaseMemoryResponse:
        return pb.ReleaseMemoryResponse(executor_ids=await self._queue.release_memory(results=request.results))

    async def DrainExecutor(self, request: pb.DrainExecutorRequest, context: Context) -> pb.DrainExecutorResponse:
        await self._queue.drain_executor(request.executor_id, undo=request.undo)
        return pb.DrainExecutorResponse()

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:
        batches = self._queue.watch(
            request.prompt_id,
            after_sequence=request.after_sequence,
            previews=request.previews,
            user=_user(request),
        )
        async with aclosing(batches):
            async for batch in batches:
                yield self._events.response(batch)

    async def GetStats(self, request: pb.GetStatsRequest, context: Context) -> pb.GetStatsResponse:
        stats = await self._queue.stats(user=_user(request))
        return pb.GetStatsResponse(pending=stats.pending, running=stats.running)

    async def GetDepths(self, request: pb.GetDepthsRequest, context: Context) -> pb.GetDepthsResponse:
        return pb.GetDepthsResponse(depths=map(convert.depth_to_proto, await self._queue.depths()))

    async def GetCatalogue(self, request: pb.GetCatalogueRequest, context: Context) -> pb.GetCatalogueResponse:
        digest, definitions_json = await self._queue.catalogue(request.known_digest)
        return pb.GetCatalogueResponse(digest=digest, definitions_json=definitions_json or b"")

    async def ListExecutors(self, request: pb.ListExecutorsRequest, context: Context) -> pb.ListExecutorsResponse:
        executors = await self._queue.executors()
        return pb.ListExecutorsResponse(executors=map(convert.executor_to_proto, executors))

    async def ReadLogs(self, request: pb.ReadLogsRequest, context: Context) -> pb.ReadLogsResponse:
        lines = LogLines(tuple(await self._queue.logs(request.prompt_id)))
        return pb.ReadLogsResponse(lines=logs.lines_to_proto(lines))

    async def FollowLogs(self, request: pb.FollowLogsRequest, context: Context) -> pb.FollowLogsResponse:
        await self._queue.follow_logs(request.client_id, enabled=request.enabled)
        return pb.FollowLogsResponse()

    async def CallPack(self, request: pb.CallPackRequest, context: Context) -> AsyncIterator[pb.CallPackResponse]:
        async with aclosing(self._queue.call_pack(packs.http_request_from_proto(request.request))) as parts:
            async for part in parts:
                yield pb.CallPackResponse(part=packs.part_to_proto(part))


def _user(request: _OfUser) -> str | None:
    """For whom it is asked; None for everybody's prompts."""
    return request.user_id if request.HasField("user_id") else None


def _chosen(
    request: pb.CancelPromptsRequest | pb.InterruptPromptsRequest | pb.ForgetPromptsRequest,
) -> Collection[str] | None:
    return None if request.all else list(request.prompt_ids)


def _page(messages: Sequence[pb.Prompt], from_end: bool) -> list[pb.Prompt]:
    """As many as fit into one answer, at least one: the first ones, or the last ones, in order."""
    page: list[pb.Prompt] = []
    size = 0
    for message in reversed(messages) if from_end else messages:
        size += message.ByteSize()
        if page and size > PAGE_BYTES:
            break
        page.append(message)
    return page[::-1] if from_end else page
