"""The server that every gRPC service runs on: options, errors, health and reflection in one place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from services.errors import Unavailable
from services.rpc.authorized import TokenCheck
from services.rpc.interceptors import CallInterceptor
from services.rpc.metrics import CallMetrics
from services.rpc.options import SERVER_OPTIONS
from services.rpc.security import NONE, Security, Tokens

#: Seconds that calls in flight have to finish once the server stops.
STOP_GRACE = 2.0


@dataclass(frozen=True)
class Servicer:
    """A servicer to be served: its full name and what adds it to a server."""

    name: str
    add: Callable[[grpc.aio.Server], None]


@dataclass(frozen=True)
class RunningServer:
    """A server that accepts calls."""

    #: "host:port", with the port that was really taken
    address: str
    _health: health.aio.HealthServicer
    _names: Sequence[str]

    async def set_serving(self, serving: bool) -> None:
        """Tell health checkers whether the services can do their work."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)


@asynccontextmanager
async def serve(
    listen: str,
    servicers: Sequence[Servicer],
    registry: CollectorRegistry | None = None,
    security: Security = NONE,
) -> AsyncIterator[RunningServer]:
    """Serve `servicers` on `listen` ("host:port", port 0 for a free one) until the block ends; `registry` counts calls.

    Health says SERVING from the start; on the way out it says NOT_SERVING, and calls in flight get
    `STOP_GRACE` seconds. Who calls shows the token, but for a look at its health.

    Raises:
        InvalidArgument: a file of the security cannot be read.
        Unavailable: the address cannot be listened on.
    """
    interceptors: list[grpc.aio.ServerInterceptor] = [CallInterceptor(CallMetrics(registry or CollectorRegistry()))]
    if security.has_token:
        interceptors.append(TokenCheck(Tokens(security)))
    server = grpc.aio.server(interceptors=interceptors, options=SERVER_OPTIONS)
    for servicer in servicers:
        servicer.add(server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = [servicer.name for servicer in servicers]
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    credentials = security.server_credentials()
    try:
        port = server.add_secure_port(listen, credentials) if credentials else server.add_insecure_port(listen)
    except RuntimeError as error:
        raise Unavailable(f"cannot listen on {listen}: the address is taken or not ours") from error
    await server.start()
    running = RunningServer(f"{listen.rpartition(':')[0]}:{port}", health_servicer, names)
    await running.set_serving(True)
    try:
        yield running
    finally:
        await health_servicer.enter_graceful_shutdown()
        await server.stop(STOP_GRACE)
