"""The device worker: the child process that owns torch, the loaded models and the node caches.

Its main thread runs prompts, one after the other. A second thread listens to the agent, so that an interruption is
heard while a node computes; a third one keeps things up to date (see `services.executor.upkeep`).
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import torch

from services.errors import FailedPrecondition, ResourceExhausted
from services.executor import environment, ipc, nodes
from services.executor.bundled import MODELS as BUNDLED_MODELS
from services.executor.custom.hosting import Packs, pack_folders
from services.executor.custom.pack_models import PackModelFolders
from services.executor.devices import chosen_device, still_works
from services.executor.diffusion.pauses import pausing
from services.executor.engine.caches.choice import chosen_cache
from services.executor.engine.context import Interrupted, RunContext, in_run
from services.executor.engine.run import Engine
from services.executor.memory import current as memory
from services.executor.memory.budget import Budget
from services.executor.memory.free_memory import free_memory
from services.executor.memory.out_of_memory import be_ended_first, says_out_of_memory
from services.executor.model_cache.cache import ModelCache
from services.executor.model_cache.folder import CacheFolder
from services.executor.model_cache.remote import RemoteModels
from services.executor.model_digests import ModelDigests, known_to
from services.executor.node_files import RemoteFiles
from services.executor.previews.choice import asked_for, preview_settings
from services.executor.provenance import Provenance
from services.executor.shared_state import SharedState
from services.executor.upkeep import Upkeep
from services.executor.worker_process import MISCONFIGURED
from services.files.records import FileKind
from services.graph.events import (
    ExecutionEvent,
    ExecutionFailed,
    ExecutionInterrupted,
    NodeFinished,
    NodePreview,
    NodeProgress,
    NodeText,
    Terminal,
)
from services.graph.model import parse_graph
from services.logs import configure_logging
from services.queue.packs import PackCancellation, PackFlow, PackRequest
from services.queue.work import TimedEvent

log = logging.getLogger("services.executor.worker")  # __name__ is "__main__" here

_PR_SET_PDEATHSIG = 1

#: The exit code of a worker whose device has to be opened anew.
DEVICE_LOST = 3

#: What one node may show; files are not part of it, only their names.
MAX_OUTPUT_BYTES = 8 << 20


class Worker:
    """What the threads of this process share."""

    def __init__(self, end: ipc.WorkerEnd, configuration: ipc.Configure) -> None:
        self._end = end
        self._device = chosen_device(configuration.device)
        memory.install(memory.planner_of(self._device, Budget.parse(configuration.vram_budget)))
        self._files = RemoteFiles(configuration.files, Path(configuration.cache), security=configuration.security)
        custom_nodes = [Path(folder) for folder in configuration.custom_nodes]
        roots = [*map(Path, configuration.models), BUNDLED_MODELS]
        models = PackModelFolders(
            roots, custom_nodes, models_elsewhere(configuration, self._files), configuration.extra_models
        )
        environment.install(
            environment.Environment(
                models,
                self._list_inputs,
                str(self._device),
                self._list_inputs_below,
                self._list_input_folders,
                preview_settings(configuration.preview_method, configuration.preview_size),
            )
        )
        self._packs = Packs(nodes.NODE_CLASSES, nodes.DISPLAY_NAMES, self._say)
        if custom_nodes:
            self._packs.load(
                custom_nodes,
                configuration.left_out,
                models=models,
                files=self._files,
                spaces=pack_folders(Path(configuration.cache), self._files),
                device=self._device,
            )
        classes = self._packs.classes
        results = chosen_cache(configuration.results, free_memory)
        self._engine = Engine(classes, results)
        memory.shortage().caches += [results.clear, environment.environment().let_go]
        digests = ModelDigests(known_to(self._files), Path(configuration.cache).with_name("model-digests.json"))
        self._provenance = Provenance(self._device, classes, self._packs.loaded.versions, digests)
        models.opened = self._provenance.opened
        self._upkeep = Upkeep(self._say, classes, self._packs.display_names, self._files, self._device)
        self._requests: queue.SimpleQueue[ipc.RunPrompt | ipc.ReleaseMemory] = queue.SimpleQueue()
        self._contexts: dict[int, RunContext] = {}
        self._shared = SharedState(start_logging)
        self._pid = os.getpid()

    def serve(self) -> NoReturn:
        """Run prompts until the agent is gone."""
        threading.Thread(target=self._listen, name="agent", daemon=True).start()
        self._upkeep.start()
        self._provenance.start()
        self._packs.publish_files()
        gc.collect()
        gc.freeze()  # what torch and packs are made of stays: looking through it again would take 90 ms each time
        with torch.inference_mode():
            while True:
                match self._requests.get():
                    case ipc.RunPrompt() as request:
                        self._run(request)
                    case ipc.ReleaseMemory(results):
                        self._release_memory(results)

    def _run(self, request: ipc.RunPrompt) -> None:
        terminal: Terminal | None = None

        def emit(event: ExecutionEvent) -> None:
            nonlocal terminal
            if os.getpid() != self._pid:
                _end_fork(event)
                return
            _check_size(event)
            self._packs.publish(event, files)
            self._provenance.note(event)
            record = self._provenance.record() if isinstance(event, Terminal) else None
            self._say(ipc.RunEvent(request.run, TimedEvent(time.time(), event, record)))
            terminal = event if isinstance(event, Terminal) else terminal

        context, files = self._contexts[request.run], self._files_of(request)
        self._provenance.begin(files.saved)
        try:
            graph, extra_data = parse_graph(request.graph_json), json.loads(request.extra_data_json)
            self._provenance.runs(graph)
            asked = asked_for(extra_data.get("preview_method"))
            with in_run(context), asked, pausing(context.raise_if_interrupted):
                self._packs.prepare(graph, request.file_space)
                self._engine.run(graph, extra_data, request.output_node_ids, context, emit)
        except Interrupted:
            emit(ExecutionInterrupted("", ""))
        except (Exception, KeyboardInterrupt) as error:
            log.exception("prompt %s: the engine failed", request.prompt_id)
            if terminal is None:  # should this fail as well, the worker ends, and the agent says so
                emit(ExecutionFailed("", "", type(error).__name__, str(error)))
        finally:
            del self._contexts[request.run]
            self._shared.restore()
            self._provenance.end()
        if isinstance(terminal, ExecutionFailed):
            self._recover(request.prompt_id, terminal)

    def _recover(self, prompt_id: str, failure: ExecutionFailed) -> None:
        """See to it that the next prompt does not fail for what made this one fail."""
        if not still_works(self._device):
            log.error("prompt %s: %s does not work any more, ending", prompt_id, self._device)
            end_at_once(DEVICE_LOST)
        if says_out_of_memory(failure):
            log.warning("prompt %s: memory ran out, letting go of models and results", prompt_id)
            self._release_memory(results=True)

    def _release_memory(self, results: bool) -> None:
        environment.environment().let_go()
        if results:
            self._engine.free()
        gc.collect()
        memory.planner().unload()

    def _files_of(self, request: ipc.RunPrompt) -> RemoteFiles:
        return self._files.within(request.file_space, request.user_id)

    def _list_inputs(self) -> list[str]:
        names = self._files.list_top(FileKind.INPUT)
        self._packs.show_inputs(names)
        return names

    def _list_input_folders(self) -> list[str]:
        names = self._files.list_folders(FileKind.INPUT)
        self._packs.show_folders(names)
        return names

    def _list_inputs_below(self, folder: str) -> list[str]:
        return self._files.list_below(FileKind.INPUT, folder)

    def _say(self, message: ipc.FromWorker) -> None:
        try:
            self._end.send(message)
        except OSError:  # without an agent there is nobody to work for
            end_at_once()

    def _listen(self) -> None:
        try:
            while (message := self._end.receive()) is not None:
                self._hear(message)
        except Exception:
            log.exception("nothing more is heard from the agent")
        end_at_once()

    def _hear(self, message: ipc.ToWorker) -> None:
        match message:
            case ipc.RunPrompt():
                self._contexts[message.run] = context = RunContext(
                    prompt_id=message.prompt_id,
                    files=self._files_of(message),
                    client_id=message.client_id,
                    file_space=message.file_space,
                )
                if message.previews_wanted:
                    context.previews_wanted.set()
                self._requests.put(message)
            case ipc.InterruptRun():
                if interrupted := self._contexts.get(message.run):
                    interrupted.interrupted.set()
            case ipc.SetPreviews():
                if watched := self._contexts.get(message.run):
                    watched.previews_wanted.set() if message.wanted else watched.previews_wanted.clear()
            case ipc.ReleaseMemory():
                self._requests.put(message)
            case ipc.CheckInputs():
                self._upkeep.ask(message)
            case PackRequest() | PackFlow() | PackCancellation():
                self._packs.obey(message)


def _end_fork(event: ExecutionEvent) -> None:
    """End a process that a node has forked where the node ends; what it says of itself before is not passed on."""
    if not isinstance(event, NodeProgress | NodeText | NodePreview):
        os._exit(0)


def _check_size(event: ExecutionEvent) -> None:
    if isinstance(event, NodeFinished) and len(event.output_json) > MAX_OUTPUT_BYTES:
        size, node_id = len(event.output_json), event.node.node_id
        raise ResourceExhausted(
            f"node {node_id} shows {size:,} bytes of JSON, more than the {MAX_OUTPUT_BYTES:,} allowed"
        )


def main() -> NoReturn:
    """`python -m services.executor.worker FD`: serve the agent at the other end of the socket FD."""
    start_logging()
    be_ended_first()
    die_with_agent()
    use_all_cores()
    end = ipc.WorkerEnd(socket.socket(fileno=int(sys.argv[1])))
    configuration = end.receive()
    if not isinstance(configuration, ipc.Configure):
        end_at_once()
    try:
        worker = Worker(end, configuration)
    except FailedPrecondition as error:
        log.error("the worker cannot start: %s", error.message)
        end_at_once(MISCONFIGURED)
    worker.serve()


def models_elsewhere(configuration: ipc.Configure, files: RemoteFiles) -> RemoteModels | None:
    """The models of the file service, unless they are not to be used."""
    if not configuration.model_cache:
        return None
    folder = CacheFolder(Path(configuration.model_cache), configuration.model_cache_bytes)
    return RemoteModels(files, ModelCache(folder))


def start_logging() -> None:
    """Log to the standard error, as the environment says."""
    configure_logging("worker")


def die_with_agent() -> None:
    """Have the kernel kill this process when the agent dies (Linux); elsewhere the closed socket has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def use_all_cores() -> None:
    """Compute on the cores that this process may use, which in a container are fewer than torch counts."""
    if sys.platform == "linux" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def end_at_once(code: int = 0) -> NoReturn:
    """End without asking threads or exit handlers, any of which a node may have made to hang."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main()
