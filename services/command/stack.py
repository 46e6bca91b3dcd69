"""The local stack: which processes it consists of, how they find each other, in which order they stop."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.command.child import Child
from services.errors import InvalidArgument, Unavailable
from services.settings import setting, settings

#: Seconds that each group of processes has to end; the whole stack stops within 5 seconds.
STOP_GRACE = 1.5
#: Seconds in which the gateway must answer.
START_TIMEOUT = 60.0

_COLOURS = {"queue": "\x1b[36m", "files": "\x1b[33m", "executor": "\x1b[35m", "gateway": "\x1b[32m"}


@settings
class StackSettings:
    """What the local stack takes."""

    host: str = setting(default="127.0.0.1", help="address that the gateway listens on")
    port: int = setting(default=8188, help="port that the gateway listens on, 0 for a free one")
    queue_port: int = setting(default=8190, help="loopback port of the queue's gRPC service, 0 for a free one")
    files_port: int = setting(default=8191, help="loopback port of the file service, 0 for a free one")
    data: Path = setting(default=Path("data"), help="folder for the queue, input, output and temp")
    database: str = setting(
        default="",
        help="postgresql://user@host/name, to keep prompts there; a password is better put into the variable,"
        " or into $PGPASSWORD",
    )
    history_max: int = setting(default=10_000, help="finished prompts to keep, the latest ones; 0 for all")
    history_days: float = setting(default=0.0, help="days to keep finished prompts for; 0 for ever")
    models: tuple[Path, ...] = setting(default=(Path("models"),), help="folder with checkpoints/, loras/ and so on")
    extra_model_paths: tuple[Path, ...] = setting(
        default=(),
        help="more directories of models, in the format of ComfyUI's extra_model_paths.yaml; may be repeated",
    )
    custom_nodes: tuple[Path, ...] = setting(default=(Path("custom_nodes"),), help="folder with node packs")
    device: str = setting(default="auto", help="where models run: auto, cpu, cuda, cuda:1, mps")
    cache: str = setting(default="classic", help="results to keep between prompts: classic, lru:N, ram:GB or none")
    vram_budget: str = setting(
        default="", help="memory of the device that models may take, such as 8GB or 80%%; empty for all but a reserve"
    )
    preview_method: str = setting(
        default="auto", help="pictures of unfinished latents: none, auto, latent2rgb or taesd (from models/vae_approx)"
    )
    front_end: str = setting(
        default="auto",
        help="web UI to serve at /: auto (the one that is installed), none, or a folder with a build of it",
    )
    multi_user: bool = setting(
        default=False, help="whether users have files and settings of their own; requests name theirs themselves"
    )
    keys: bool = setting(
        default=False, help="whether requests must show a key, which says whose they are; silverprint keys makes them"
    )
    insecure: bool = setting(
        default=False, help="whether to listen where others can reach it though nobody has to show a key"
    )
    preview_size: int = setting(default=512, help="longest side of such a picture in pixels")


@dataclass(frozen=True)
class RunningStack:
    """A stack whose gateway answers."""

    #: where ComfyUI clients connect to
    url: str
    children: dict[str, Child]
    #: ends when a child cannot go on
    failed: asyncio.Task[str]


@asynccontextmanager
async def running_stack(wanted: StackSettings) -> AsyncIterator[RunningStack]:
    """Start the stack, wait until its gateway answers, and stop it in order at the end of the block.

    Raises:
        InvalidArgument: a folder cannot be used, the port is taken, or a service refused its settings.
        Unavailable: the gateway did not answer in time.
    """
    _prepare_folders(wanted)
    port = _claim_port(wanted.host, wanted.port)
    children = _children(wanted, port)
    tasks = {name: asyncio.create_task(child.keep_alive()) for name, child in children.items()}
    failed = asyncio.create_task(_first_refusal(tasks))
    url = f"http://{_reachable(wanted.host)}:{port}"
    try:
        await _until_answering(url, failed)
        yield RunningStack(url, children, failed)
    finally:
        failed.cancel()
        for group in (["gateway"], ["executor"], ["queue", "files"]):
            await asyncio.gather(*(children[name].stop(STOP_GRACE) for name in group))
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def _children(wanted: StackSettings, port: int) -> dict[str, Child]:
    """The four processes. Their ports are chosen here, so that one that is started again is found again."""
    queue, files, executor = (
        f"127.0.0.1:{_claim_port('127.0.0.1', port)}" for port in (wanted.queue_port, wanted.files_port, 0)
    )
    metrics = {name: f"127.0.0.1:{_claim_port('127.0.0.1', 0)}" for name in ("queue", "files", "executor")}
    data = str(wanted.data)
    models = [
        *_repeated("--models", (*wanted.models, _saved_models(wanted))),
        *_repeated("--extra-model-paths", wanted.extra_model_paths),
    ]
    commands: dict[str, list[str]] = {
        "queue": [
            *("--listen", queue, "--metrics-listen", metrics["queue"], "--data", data),
            *("--history-max", str(wanted.history_max), "--history-days", str(wanted.history_days)),
        ],
        "files": ["--listen", files, "--metrics-listen", metrics["files"], "--data", data, *models],
        "gateway": [
            *("--host", wanted.host, "--port", str(port), "--queue", queue, "--files", files),
            *("--front-end", wanted.front_end),
            *(part for name, address in metrics.items() for part in ("--scrape", f"{name}={address}")),
            "--multi-user" if wanted.multi_user else "--no-multi-user",
            "--keys" if wanted.keys else "--no-keys",
            "--insecure" if wanted.insecure else "--no-insecure",
            *("--metrics-listen", ""),  # one page has all of them
        ],
        "executor": [
            *("--listen", executor, "--metrics-listen", metrics["executor"], "--queue", queue, "--files", files),
            *("--drain-seconds", "0"),  # the queue ends as well, and has the prompts run again when it is back
            *("--data", data, "--device", wanted.device, "--cache", wanted.cache),
            *("--vram-budget", wanted.vram_budget),
            *("--preview-method", wanted.preview_method, "--preview-size", str(wanted.preview_size)),
            *models,
            *("--model-cache", "none"),  # it has the same folders as the file service
            *_repeated("--custom-nodes", wanted.custom_nodes),
        ],
    }
    # Arguments are there for everybody to read, and there may be a password in it.
    environments = {"queue": {"SILVERPRINT_DATABASE": wanted.database}}
    colours = _COLOURS if sys.stderr.isatty() else {}
    return {
        name: Child(name, [name, *flags], environments.get(name, {}), colours.get(name, ""))
        for name, flags in commands.items()
    }


def _repeated(flag: str, values: Sequence[Path]) -> list[str]:
    return [part for value in values for part in (flag, str(value))]


def _saved_models(wanted: StackSettings) -> Path:
    """Where nodes save models, in folders for each kind: loaders find them there."""
    return wanted.data / "output"


def _prepare_folders(wanted: StackSettings) -> None:
    for folder in (wanted.data, *wanted.models, _saved_models(wanted), *wanted.custom_nodes):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            next(folder.iterdir(), None)
        except OSError as error:
            raise InvalidArgument(f"the folder {folder} cannot be used: {error.strerror}") from error


def _claim_port(host: str, port: int) -> int:
    """Find out that a port is free, or which one is for port 0.

    Raises:
        InvalidArgument: it is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a port number"
            raise InvalidArgument(f"cannot listen on {host}:{port}: {reason}") from error
        return int(probe.getsockname()[1])


def _reachable(host: str) -> str:
    """Where to reach a server that listens on `host`."""
    if host in ("0.0.0.0", "", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


async def _first_refusal(tasks: dict[str, asyncio.Task[int]]) -> str:
    """The name of the first child that refused to start."""
    await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
    return next(name for name, task in tasks.items() if task.done())


async def _until_answering(url: str, failed: asyncio.Task[str]) -> None:
    """Return once the gateway answers and reaches the other services."""

    async def poll() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=2.0, trust_env=False) as client:
            while True:
                if await _is_well(client):
                    return
                await asyncio.sleep(0.05)

    polling = asyncio.create_task(poll())
    done, _ = await asyncio.wait([polling, failed], timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    polling.cancel()
    if failed in done:
        raise InvalidArgument(f"{failed.result()} did not start, see its message above")
    if not done:
        raise Unavailable(f"the services did not all answer at {url} within {START_TIMEOUT:.0f} s")


async def _is_well(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health")).is_success
    except httpx.HTTPError:
        return False
