"""The server that every service runs on."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.errors import Unavailable
from services.rpc.channel import open_channel
from services.rpc.server import serve
from tests.rpc.servicer import NAME, Scripted, ask


async def health(channel: grpc.aio.Channel, service: str = "") -> str:
    request = health_pb2.HealthCheckRequest(service=service)
    response = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


async def test_the_address_names_the_port_that_was_taken() -> None:
    async with serve("127.0.0.1:0", []) as server:
        host, _, port = server.address.rpartition(":")
        assert (host, int(port) > 0) == ("127.0.0.1", True)


async def test_a_taken_port_is_an_error_and_not_a_shared_port() -> None:
    async with serve("127.0.0.1:0", []) as server:
        with pytest.raises(Unavailable, match=f"cannot listen on {server.address}"):
            async with serve(server.address, []):
                pass


async def test_health_tells_of_every_service_and_of_the_whole() -> None:
    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        assert (await health(channel), await health(channel, NAME)) == ("SERVING", "SERVING")
        await server.set_serving(False)
        assert (await health(channel), await health(channel, NAME)) == ("NOT_SERVING", "NOT_SERVING")
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health(channel, "nobody")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_names_the_services() -> None:
    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=5)
        response = await call.read()
        names = {service.name for service in response.list_services_response.service}
        assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_a_call_in_flight_is_finished_when_the_server_stops() -> None:
    class Slow(Scripted):
        async def unary_unary(self, request: bytes, context: object) -> bytes:
            entered.set()
            await asyncio.sleep(0.05)
            return request

    entered = asyncio.Event()
    async with serve("127.0.0.1:0", [Slow().entry]) as server:
        channel = open_channel(server.address)
        answering = asyncio.create_task(ask(channel, b"x"))
        await entered.wait()
    assert await answering == b"x"
    await channel.close()


async def test_messages_larger_than_grpc_s_default_limit_pass() -> None:
    large = b"x" * (8 << 20)
    async with serve("127.0.0.1:0", [Scripted().entry]) as server, open_channel(server.address) as channel:
        assert await ask(channel, large) == large
