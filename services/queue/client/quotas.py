"""What users may have: the same methods as `services.queue.quotas.Quotas`, over gRPC."""

from __future__ import annotations

from services.queue.client.replicas import Replicas
from services.queue.convert.quotas import limits_from_proto, limits_to_proto
from services.queue.records import UserLimits
from services.rpc.channel import CALL_TIMEOUT
from silverprint.queue.v1 import queue_pb2 as pb


class QuotaClient:
    """Asks any replica."""

    def __init__(self, replicas: Replicas) -> None:
        self._call = replicas.call

    async def all(self) -> list[UserLimits]:
        """See `Quotas.all`."""
        request = pb.ListUserLimitsRequest()
        response = await self._call(lambda queue: queue.ListUserLimits(request, timeout=CALL_TIMEOUT))
        return list(map(limits_from_proto, response.limits))

    async def set(self, limits: UserLimits) -> None:
        """See `Quotas.set`."""
        request = pb.SetUserLimitsRequest(limits=limits_to_proto(limits))
        await self._call(lambda queue: queue.SetUserLimits(request, timeout=CALL_TIMEOUT))

    async def delete(self, user_id: str) -> None:
        """See `Quotas.delete`."""
        request = pb.DeleteUserLimitsRequest(user_id=user_id)
        await self._call(lambda queue: queue.DeleteUserLimits(request, timeout=CALL_TIMEOUT))
