"""The queue as a process: settings, store, servers."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

from services.errors import InvalidArgument
from services.monitoring.disk import DiskCollector
from services.monitoring.exposing import exposed
from services.monitoring.registry import new_registry
from services.queue.api_keys.api_keys import ApiKeys
from services.queue.api_keys.servicer import ApiKeyServicer
from services.queue.metrics.collector import QueueCollector
from services.queue.metrics.store import measured
from services.queue.node_rules import NodeRules
from services.queue.prompts import Queue
from services.queue.quotas import QueueLimits
from services.queue.retention import Limits
from services.queue.servicer import QueueServicer
from services.queue.stores.opening import DATABASE, open_store
from services.queue.time_limits import TimeLimits
from services.queue.webhooks.signature import VARIABLE, configured_signer
from services.queue.webhooks.webhooks import WebhookRules
from services.queue.worker_servicer import WorkerServicer
from services.rpc.security import INSECURE, SecuritySettings
from services.rpc.server import serve
from services.settings import setting, settings
from services.tracing import tracing

log = logging.getLogger(__name__)


@settings
class Settings(SecuritySettings):
    """Settings of the queue."""

    listen: str = setting(default="127.0.0.1:8190", help="address to serve gRPC on, port 0 for a free one")
    metrics_listen: str = setting(
        default="127.0.0.1:9190", help="address to serve Prometheus metrics on, port 0 for a free one, empty for none"
    )
    insecure: bool = setting(default=False, help=INSECURE)
    data: Path = setting(default=Path("data"), help=f"folder of the database, {DATABASE}")
    database: str = setting(
        default="",
        help="postgresql://user@host/name, to keep prompts there instead; a password is better put into the variable,"
        " or into $PGPASSWORD",
    )
    lease_seconds: float = setting(default=30.0, help="seconds after which a silent executor loses its prompts")
    max_attempts: int = setting(
        default=3, help="times that a prompt is begun before it fails, when executors are lost over it"
    )
    max_worker_losses: int = setting(
        default=0, help="times that a prompt may end its worker before it fails, 0 for as many as max-attempts"
    )
    run_timeout: float = setting(
        default=0.0, help="seconds that an attempt may take where a prompt does not say, 0 for any time"
    )
    total_timeout: float = setting(
        default=0.0, help="seconds from submission in which a prompt must end where it does not say, 0 for any time"
    )
    max_run_timeout: float = setting(default=0.0, help="the most that a prompt may say for an attempt, 0 for any time")
    max_total_timeout: float = setting(default=0.0, help="the most that a prompt may say for all of it, 0 for any time")
    max_waiting: int = setting(default=0, help="prompts of all users that may wait at once, 0 for any number")
    max_waiting_per_user: int = setting(
        default=0, help="prompts of a user that may wait at once, unless SetUserLimits says otherwise; 0 for any number"
    )
    max_running_per_user: int = setting(
        default=0, help="prompts of a user that may run at once, unless SetUserLimits says otherwise; 0 for any number"
    )
    allowed_nodes: tuple[str, ...] = setting(
        default=(),
        help="class of nodes that prompts may have, * for any characters, unless SetUserLimits says otherwise; may be"
        " repeated, none for all",
    )
    denied_nodes: tuple[str, ...] = setting(
        default=(), help="class of nodes that prompts may not have, even where it is allowed; may be repeated"
    )
    history_max: int = setting(default=10_000, help="finished prompts to keep, the latest ones; 0 for all")
    history_days: float = setting(default=0.0, help="days to keep finished prompts for; 0 for ever")
    webhook_url: str = setting(default="", help="who is told when prompts have ended, beside whom each prompt names")
    webhook_secret_file: Path | None = setting(
        default=None, help=f"file with the secret to sign webhooks with, instead of ${VARIABLE}"
    )
    webhook_allow_private: bool = setting(
        default=False, help="whether webhooks may call private, loopback and link-local addresses"
    )


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        InvalidArgument: a setting makes no sense, or the database cannot be used.
        FailedPrecondition: another queue uses the file.
        Unavailable: the address cannot be listened on, or the database does not answer.
    """
    _check(settings)
    security = settings.security
    security.check_listening(settings.listen, insecure=settings.insecure)
    time_limits = _time_limits(settings)
    limits = QueueLimits(
        max_waiting=settings.max_waiting,
        max_waiting_per_user=settings.max_waiting_per_user,
        max_running_per_user=settings.max_running_per_user,
        nodes=NodeRules(settings.allowed_nodes, settings.denied_nodes),
    )
    webhooks = WebhookRules(
        configured_signer(settings.webhook_secret_file),
        url=settings.webhook_url,
        allow_private=settings.webhook_allow_private,
    )
    registry = new_registry("queue")
    async with AsyncExitStack() as stack:
        store = measured(await open_store(settings.database, settings.data), registry)
        stack.push_async_callback(store.close)
        traces = stack.enter_context(tracing("queue"))
        queue = Queue(
            store,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
            time_limits=time_limits,
            limits=limits,
            history=Limits(prompts=settings.history_max, days=settings.history_days),
            webhooks=webhooks,
            max_worker_losses=settings.max_worker_losses,
            registry=registry,
            traces=traces,
        )
        await queue.start()
        stack.push_async_callback(queue.close)
        registry.register(QueueCollector(queue.reading))
        registry.register(DiskCollector("queue", settings.data))
        stack.enter_context(exposed(registry, settings.metrics_listen))
        servicers = [QueueServicer(queue).entry, WorkerServicer(queue).entry]
        servicers.append(ApiKeyServicer(ApiKeys(store.api_keys)).entry)
        server = await stack.enter_async_context(serve(settings.listen, servicers, registry, security))
        stack.push_async_callback(queue.close)  # ends the streams that the server would wait for
        log.info("listening on %s", server.address)
        await stop.wait()


def _time_limits(settings: Settings) -> TimeLimits:
    return TimeLimits(
        run_timeout=settings.run_timeout,
        total_timeout=settings.total_timeout,
        max_run_timeout=settings.max_run_timeout,
        max_total_timeout=settings.max_total_timeout,
    )


def _check(settings: Settings) -> None:
    if not settings.lease_seconds > 0:
        raise InvalidArgument(f"lease-seconds must be positive, not {settings.lease_seconds}")
    if settings.max_attempts < 1:
        raise InvalidArgument(f"max-attempts must be at least 1, not {settings.max_attempts}")
    if settings.history_max < 0:
        raise InvalidArgument(f"history-max must not be negative, it is {settings.history_max}; 0 keeps everything")
    if not settings.history_days >= 0:
        raise InvalidArgument(f"history-days must not be negative, it is {settings.history_days}; 0 keeps for ever")
    if settings.max_worker_losses < 0:
        raise InvalidArgument(f"max-worker-losses must not be negative, it is {settings.max_worker_losses}")
