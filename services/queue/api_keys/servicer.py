"""`ApiKeyService` over gRPC."""

from __future__ import annotations

from typing import Any

import grpc

from services.queue.api_keys.api_keys import ApiKeys
from services.queue.convert.api_keys import key_to_proto, wanted_from_proto
from services.rpc.server import Servicer
from silverprint.queue.v1 import api_keys_pb2 as pb
from silverprint.queue.v1 import api_keys_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ApiKeyServicer(api_keys_pb2_grpc.ApiKeyServiceServicer):
    """Translates calls; what they mean is in `ApiKeys`."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    @property
    def entry(self) -> Servicer:
        """What the server needs to serve it."""
        name = pb.DESCRIPTOR.services_by_name["ApiKeyService"].full_name
        return Servicer(name, lambda server: api_keys_pb2_grpc.add_ApiKeyServiceServicer_to_server(self, server))

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.CreateApiKeyResponse:
        key, secret = await self._keys.create(wanted_from_proto(request))
        return pb.CreateApiKeyResponse(key=key_to_proto(key), secret=secret)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        return pb.ListApiKeysResponse(keys=map(key_to_proto, await self._keys.all()))

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Context) -> pb.RevokeApiKeyResponse:
        await self._keys.revoke(request.key_id)
        return pb.RevokeApiKeyResponse()

    async def Authenticate(self, request: pb.AuthenticateRequest, context: Context) -> pb.AuthenticateResponse:
        return pb.AuthenticateResponse(key=key_to_proto(await self._keys.authenticate(request.secret)))
