"""The services: which answer, whether they are well, who else may use them."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services import __version__
from services.command.doctor.finding import Finding, ok, problem, warning
from services.errors import ServiceError, Unauthenticated
from services.queue.client import QueueClient
from services.queue.records import Executor
from services.rpc.addresses import addresses, is_loopback
from services.rpc.channel import call, open_channel
from services.rpc.security import NONE, Security

#: Seconds that a service may take to answer.
PATIENCE = 3.0

#: Seconds by which clocks may differ.
CLOCK_SLACK = 5.0


async def look(queue: str, files: str, gateway: str, security: Security) -> AsyncIterator[Finding]:
    """What answers where."""
    for address in addresses(queue):
        yield await _service("queue", address, security)
    yield await _service("files", files, security)
    async for finding in _executors(queue, security):
        yield finding
    async for finding in _gateway(gateway):
        yield finding


async def _service(name: str, address: str, security: Security) -> Finding:
    subject = f"{name} at {address}"
    start = f"silverprint {name} --listen {address}, or silverprint up; --{name} says where it is"
    try:
        if not await _is_serving(address, security):
            return problem(subject, "answers that it cannot work", f"look at the log of the {name} service")
        if not is_loopback(address.rpartition(":")[0]) and await _is_open(address):
            return problem(subject, "strangers may call it", "give all services a token: docs/deploying.md")
    except ServiceError as error:
        tls = " (does it speak TLS? then --tls-ca)" if not security.authority else ""
        return problem(subject, f"does not answer: {_brief(error)}{tls}", start)
    return ok(subject, "answers")


async def _is_serving(address: str, security: Security) -> bool:
    async with open_channel(address, security) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await call(stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE))
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _brief(error: ServiceError) -> str:
    """The end of what gRPC says, which begins with all that it tried."""
    return error.message.rpartition(": ")[2]


async def _is_open(address: str) -> bool:
    """Whether a caller without a token or a certificate is answered."""
    try:
        async with QueueClient(address, NONE) as client, asyncio.timeout(PATIENCE):
            await client.stats()
    except (ServiceError, TimeoutError):
        return False
    return True


async def _executors(queue: str, security: Security) -> AsyncIterator[Finding]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(QueueClient(queue, security))
        try:
            async with asyncio.timeout(PATIENCE):
                executors = await client.executors()
        except Unauthenticated as error:
            yield problem("token", error.message, "give this command the token that the services have")
            return
        except (ServiceError, TimeoutError):
            return
    if not executors:
        yield problem("executors", "none is connected: nothing runs", "silverprint executor --queue … --files …")
    for executor in executors:
        yield _executor(executor)
    failed = ((executor, pack) for executor in executors for pack in executor.packs.packs if pack.error)
    for executor, pack in failed:
        state = f"not loaded by {executor.executor_id}: {pack.error.strip().splitlines()[-1]}"
        yield warning(f"node pack {pack.name}", state, "install what it needs on that host")


def _executor(executor: Executor) -> Finding:
    subject = f"executor {executor.executor_id}"
    devices = ", ".join(device.name for device in executor.devices) or "no device yet"
    if executor.version != __version__:
        remedy = f"upgrade it to {__version__}, after the queue and the gateways"
        return warning(subject, f"version {executor.version} on {executor.host}, {devices}", remedy)
    if executor.draining:
        return warning(
            subject, f"takes no more prompts, on {executor.host}", "DrainExecutor with undo has it take some again"
        )
    return ok(subject, f"on {executor.host}, {devices}")


async def _gateway(url: str) -> AsyncIterator[Finding]:
    subject = f"gateway at {url}"
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        try:
            health = await client.get("/health")
            ready = await client.get("/ready")
            unasked = await client.get("/queue")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            yield problem(
                subject, f"does not answer: {why}", "silverprint gateway, or silverprint up; --gateway says where it is"
            )
            return
    try:
        reasons = [*ready.json()["reasons"]] or ([] if health.is_success else ["a service behind it does not answer"])
        is_ready = bool(ready.json()["ready"])
    except (ValueError, KeyError, TypeError):
        yield problem(
            subject, "what answers there is no gateway of ours", "another program has the port: choose another --port"
        )
        return
    if is_ready:
        yield ok(subject, "accepts prompts and has them run")
    else:
        yield problem(
            subject, f"not ready: {'; '.join(reasons) or 'ask with a key for the reasons'}", "mend what it names"
        )
    if unasked.is_success and not is_loopback(httpx.URL(url).host):
        yield problem(
            "keys", "none is needed: whoever reaches it may use it", "start the gateway with --keys: docs/access.md"
        )
    if "date" in health.headers:
        apart = abs(email.utils.parsedate_to_datetime(health.headers["date"]).timestamp() - time.time())
        if apart > CLOCK_SLACK:
            yield warning(subject, f"its clock differs by {apart:.0f} s", "have every host's clock set by NTP")
