"""The executor as a process: settings, agent, health."""

from __future__ import annotations

import importlib.util
import logging
import math
import re
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from services.errors import FailedPrecondition, InvalidArgument
from services.executor.agent import Agent
from services.executor.bundled import node_packs
from services.executor.engine.caches.choice import chosen_cache
from services.executor.host import host_name
from services.executor.ipc import Configure
from services.executor.memory.budget import Budget
from services.executor.metrics import DeviceCollector, ExecutorMetrics
from services.executor.previews.choice import preview_settings
from services.executor.worker_process import WorkerProcess
from services.files.models.extra_paths import read_extra_paths
from services.monitoring.exposing import exposed
from services.monitoring.registry import new_registry
from services.queue.client import QueueClient
from services.rpc.security import SecuritySettings
from services.rpc.server import serve
from services.settings import setting, settings
from services.stopping import Stop
from services.tracing import tracing

log = logging.getLogger(__name__)

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@settings
class Settings(SecuritySettings):
    """What can be set about an executor."""

    listen: str = setting(default="127.0.0.1:8192", help="address to serve health checks on, port 0 for a free one")
    metrics_listen: str = setting(
        default="127.0.0.1:9192", help="address to serve Prometheus metrics on, port 0 for a free one, empty for none"
    )
    queue: str = setting(
        default="127.0.0.1:8190", help="address of the queue, or those of its replicas with commas between them"
    )
    files: str = setting(default="127.0.0.1:8191", help="address of the file service")
    data: Path = setting(
        default=Path("data"), help="directory for copies of files that are being used, in executor-cache/"
    )
    models: tuple[Path, ...] = setting(
        default=(Path("models"),), help="directory with a folder per kind of model; may be repeated"
    )
    model_cache: str = setting(
        default="",
        help="directory for models that only the file service has, shared by all executors of a host; empty for"
        " model-cache/ in the data directory, none to use only what is in the models directories",
    )
    model_cache_gb: float = setting(default=100.0, help="gigabytes that models may take there")
    extra_model_paths: tuple[Path, ...] = setting(
        default=(),
        help="more directories of models, in the format of ComfyUI's extra_model_paths.yaml; may be repeated",
    )
    custom_nodes: tuple[Path, ...] = setting(default=(), help="directory of node packs; may be repeated")
    device: str = setting(default="auto", help="what to compute on: auto, cpu, mps, cuda or cuda:N")
    cache: str = setting(
        default="classic",
        help="results to keep: classic (the last prompt's), lru:N (the last N), ram:GB (as long as so much memory is"
        " free) or none",
    )
    preview_method: str = setting(
        default="auto",
        help="pictures of unfinished latents: none, auto (taesd where its weights are in vae_approx), latent2rgb or"
        " taesd; a prompt may ask for another in its extra_data",
    )
    preview_size: int = setting(default=512, help="longest side of such a picture in pixels")
    vram_budget: str = setting(
        default="",
        help="device memory for models and their work, such as 8GB or 80%%; empty for all but a reserve",
    )
    interrupt_seconds: float = setting(
        default=5.0, help="seconds that a node has to stop when its prompt is interrupted, before its worker is killed"
    )
    drain_seconds: float = setting(
        default=30.0,
        help="seconds that prompts have to end when the executor is asked to; what does not, or what runs when it is"
        " asked once more, is given back",
    )
    executor_id: str = setting(
        default="", help="name of this executor, unique among all; empty for the host's name and a number"
    )


async def run(settings: Settings, stop: Stop) -> None:
    """Run prompts until asked to stop; see `Agent.run`.

    Health says SERVING while the queue is connected and the worker has loaded its nodes.

    Raises:
        InvalidArgument: the device, the budget, the cache or the kind of previews is not one, a time is none, or a
            directory cannot be read.
        FailedPrecondition: torch is not installed, or the worker cannot work with these settings.
        Unavailable: the address cannot be listened on.
    """
    if importlib.util.find_spec("torch") is None:
        raise FailedPrecondition("executors need torch: pip install 'silverprint[executor]'")
    security = settings.security
    configuration = worker_configuration(settings)
    executor_id = settings.executor_id or f"{host_name()}-{secrets.token_hex(4)}"
    registry = new_registry("executor")
    async with AsyncExitStack() as stack:
        traces = stack.enter_context(tracing("executor"))
        stack.enter_context(exposed(registry, settings.metrics_listen))
        server = await stack.enter_async_context(serve(settings.listen, [], registry, security))
        queue = await stack.enter_async_context(QueueClient(settings.queue, security))
        await server.set_serving(False)
        log.info("listening on %s", server.address)
        agent = Agent(
            executor_id,
            queue.replicas,
            lambda left_out: WorkerProcess.start(configuration, left_out),
            server.set_serving,
            interrupt_grace=settings.interrupt_seconds,
            metrics=ExecutorMetrics(registry),
            drain_seconds=settings.drain_seconds,
            traces=traces,
        )
        registry.register(DeviceCollector(agent.describe))
        await agent.run(stop)


def worker_configuration(settings: Settings) -> Configure:
    """What a worker is to work with.

    Raises:
        InvalidArgument: the device, the budget, the cache or the kind of previews is not one, a time is none, or a
            directory or a file of extra model paths cannot be read.
    """
    chosen_cache(settings.cache, lambda: 0)
    Budget.parse(settings.vram_budget)
    preview_settings(settings.preview_method, settings.preview_size)
    if not 0 <= settings.interrupt_seconds < math.inf:
        raise InvalidArgument(f"interrupt-seconds must be zero or more, not {settings.interrupt_seconds}")
    if not 0 <= settings.drain_seconds < math.inf:
        raise InvalidArgument(f"drain-seconds must be zero or more, not {settings.drain_seconds}")
    if not _DEVICE.fullmatch(settings.device):
        raise InvalidArgument(f"device {settings.device!r} is none of auto, cpu, mps, cuda, cuda:N")
    if not 0 < settings.model_cache_gb < math.inf:
        raise InvalidArgument(f"model-cache-gb must be more than zero, not {settings.model_cache_gb}")
    cache = settings.data / "executor-cache"
    extra = read_extra_paths(settings.extra_model_paths)
    custom_nodes = (*settings.custom_nodes, *map(Path, extra.custom_nodes))
    models = _model_cache(settings)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if models:
            models.mkdir(parents=True, exist_ok=True)
        for folder in custom_nodes:
            next(folder.iterdir(), None)
    except OSError as error:
        raise InvalidArgument(f"{error.filename} cannot be read: {error.strerror}") from error
    return Configure(
        files=settings.files,
        security=settings.security,
        cache=str(cache.absolute()),
        models=tuple(str(path.absolute()) for path in settings.models),
        extra_models=extra.folders,
        model_cache=str(models.absolute()) if models else "",
        model_cache_bytes=round(settings.model_cache_gb * 1e9),
        custom_nodes=tuple(str(path.absolute()) for path in _with_bundled(custom_nodes)),
        device=settings.device,
        results=settings.cache,
        vram_budget=settings.vram_budget,
        preview_method=settings.preview_method,
        preview_size=settings.preview_size,
    )


def _model_cache(settings: Settings) -> Path | None:
    """The directory for models of the file service, None when they are not to be used."""
    if settings.model_cache == "none":
        return None
    return Path(settings.model_cache) if settings.model_cache else settings.data / "model-cache"


def _with_bundled(folders: Sequence[Path]) -> Sequence[Path]:
    """Folders of packs with the bundled one last: what it brings, other packs may bring instead."""
    bundled = node_packs()
    return folders if any(folder.samefile(bundled) for folder in folders) else (*folders, bundled)
