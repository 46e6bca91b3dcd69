"""Keys: the same methods as `services.queue.api_keys.api_keys.ApiKeys`, over gRPC."""

from __future__ import annotations

from services.queue.api_keys.records import ApiKey, NewApiKey
from services.queue.client.replicas import Replicas
from services.queue.convert.api_keys import key_from_proto, wanted_to_proto
from services.rpc.channel import CALL_TIMEOUT
from silverprint.queue.v1 import api_keys_pb2 as pb


class ApiKeyClient:
    """Asks any replica."""

    def __init__(self, replicas: Replicas) -> None:
        self._ask = replicas.ask

    async def create(self, wanted: NewApiKey) -> tuple[ApiKey, str]:
        """See `ApiKeys.create`."""
        request = wanted_to_proto(wanted)
        response = await self._ask(lambda replica: replica.api_keys.CreateApiKey(request, timeout=CALL_TIMEOUT))
        return key_from_proto(response.key), response.secret

    async def all(self) -> list[ApiKey]:
        """See `ApiKeys.all`."""
        request = pb.ListApiKeysRequest()
        response = await self._ask(lambda replica: replica.api_keys.ListApiKeys(request, timeout=CALL_TIMEOUT))
        return list(map(key_from_proto, response.keys))

    async def revoke(self, key_id: str) -> None:
        """See `ApiKeys.revoke`."""
        request = pb.RevokeApiKeyRequest(key_id=key_id)
        await self._ask(lambda replica: replica.api_keys.RevokeApiKey(request, timeout=CALL_TIMEOUT))

    async def authenticate(self, text: str) -> ApiKey:
        """See `ApiKeys.authenticate`."""
        request = pb.AuthenticateRequest(secret=text)
        response = await self._ask(lambda replica: replica.api_keys.Authenticate(request, timeout=CALL_TIMEOUT))
        return key_from_proto(response.key)
