"""What there is: hosts, devices, abilities, and whether it all works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Literal, TypedDict, TypeVar

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from services import __version__
from services.errors import NotFound, ServiceError
from services.files.records import FileKind, FileName
from services.gateway.access.principal import principal_of
from services.gateway.backends import Backends
from services.gateway.metrics import exposition
from services.gateway.operations import TEXT, Answer, json, operation
from services.gateway.responses import json_response
from services.gateway.translate.features import ServerFeatures, features
from services.gateway.translate.node_packs import NodePacks, node_packs
from services.gateway.translate.system_stats import SystemStats, system_stats
from services.queue.records import Executor

T = TypeVar("T")

#: Seconds in which a service answers if it is well.
ANSWER_TIMEOUT = 2.0

#: A name that no file has: asking for it shows that the service answers.
_NO_FILE = FileName(FileKind.TEMP, "", ".health")


class Health(TypedDict):
    """Whether the services behind the gateway answer: "ok", or what is wrong with one."""

    status: Literal["ok", "degraded"]
    live: bool
    services: dict[str, str]
    node_packs: NodePacks
    version: str


class Liveness(TypedDict):
    """That the gateway itself answers."""

    live: bool


class Readiness(TypedDict):
    """Whether prompts are accepted and run, and if not, why."""

    ready: bool
    #: whether prompts are accepted, whoever runs them
    accepts: bool
    reasons: list[str]


@operation("getSystemStats", "system", answers={200: json(SystemStats)})
async def show_stats(backends: Backends, request: Request) -> Response:
    """Hosts and devices."""
    return json_response(system_stats(await backends.queue.executors(), __version__, backends.web_ui))


@operation("getFeatures", "system", answers={200: json(ServerFeatures)})
async def show_features(backends: Backends, request: Request) -> Response:
    """What this server can do."""
    return json_response(features(backends.max_upload_bytes))


@operation("getHealth", "system", answers={200: json(Health), 503: json(Health)})
async def show_health(backends: Backends, request: Request) -> Response:
    """200 when the services behind the gateway answer, 503 when one does not; the gateway lives either way.

    Where there are keys, those who show none are told no more than that.
    """
    queue, files, executors = await asyncio.gather(
        _state(backends.queue.stats()), _state(_ask_files(backends)), _or_none(backends.queue.executors())
    )
    services = {"queue": queue, "files": files}
    well = all(state == "ok" for state in services.values())
    is_told = _is_told_more(backends, request)
    body: Health = {
        "status": "ok" if well else "degraded",
        "live": True,
        "services": services if is_told else {},
        "node_packs": node_packs(executors or [] if is_told else []),
        "version": __version__ if is_told else "",
    }
    return json_response(body, status=200 if well else 503)


@operation("getLiveness", "system", answers={200: json(Liveness)})
async def show_liveness(backends: Backends, request: Request) -> Response:
    """200 while the gateway itself answers."""
    return json_response(Liveness(live=True))


@operation("getReadiness", "system", answers={200: json(Readiness), 503: json(Readiness)})
async def show_readiness(backends: Backends, request: Request) -> Response:
    """200 when prompts are accepted and run; 503 with the reasons when they are not.

    Where executors come and go with the queue's depth, prompts are accepted while there is none: `accepts` tells. Where
    there are keys, the reasons are for those who show one.
    """
    queue, files, nodes, executors = await asyncio.gather(
        _state(backends.queue.stats()),
        _state(_ask_files(backends)),
        _state(backends.catalogue.get()),
        _or_none(backends.queue.executors()),
    )
    states = {"the queue": queue, "the file service": files, "the node catalogue": nodes}
    missing = [f"{what}: {state}" for what, state in states.items() if state != "ok"]
    lacking = [] if executors is None else _why_nothing_runs(executors)
    reasons = [*missing, *lacking] if _is_told_more(backends, request) else []
    body = Readiness(ready=not (missing or lacking), accepts=not missing, reasons=reasons)
    return json_response(body, status=200 if body["ready"] else 503)


def _is_told_more(backends: Backends, request: Request) -> bool:
    return principal_of(request) is not None or not backends.asks_for_keys


def _why_nothing_runs(executors: Sequence[Executor]) -> list[str]:
    if not executors:
        return ["no executor is connected"]
    if all(executor.draining for executor in executors):
        return ["all executors take no more prompts"]
    return []


@operation("getMetrics", "system", answers={200: Answer({TEXT: str})}, admin=True)
async def show_metrics(backends: Backends, request: Request) -> Response:
    """Prometheus's text format: of the gateway, the queue's depth and the devices; of all services on one machine."""
    metrics, queue = backends.metrics, backends.queue
    if backends.scraper.is_in_use:
        text = await backends.scraper.page(exposition(metrics, None, None))
    else:
        depths, executors = await asyncio.gather(_or_none(queue.depths()), _or_none(queue.executors()))
        text = exposition(metrics, depths, executors)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


async def _ask_files(backends: Backends) -> None:
    try:
        await backends.files.stat(_NO_FILE)
    except NotFound:
        return


async def _state(question: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            await question
    except ServiceError as error:
        return error.message
    except TimeoutError:
        return f"no answer within {ANSWER_TIMEOUT:g} seconds"
    return "ok"


async def _or_none(question: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            return await question
    except (ServiceError, TimeoutError):
        return None
