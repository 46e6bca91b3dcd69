"""What a worker does beside running prompts: reports its device, notices new models and input files, checks inputs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

import torch
from msgspec import structs

from services.errors import ServiceError
from services.executor.catalogue import definitions_json, digest_of
from services.executor.devices import describe
from services.executor.engine.context import SpacesOfFiles
from services.executor.environment import environment
from services.executor.input_checker import InputChecker
from services.executor.ipc import CheckInputs, DeviceReport, FromWorker, NodesLoaded
from services.executor.memory.current import planner
from services.executor.memory.report import memory_use

log = logging.getLogger(__name__)

#: Seconds between looks at the device, the model folders and the input folder.
LOOK_INTERVAL = 3.0

#: A look may take at most this share of the time: folders with very many files are looked at less often,
LOOK_SHARE = 0.02

#: but at least after this many seconds, so that one slow look on a busy machine does not hide a new model for minutes.
LONGEST_LOOK_PAUSE = 15.0


class Upkeep:
    """A thread of its own, so that questions are answered while a node computes."""

    def __init__(
        self,
        send: Callable[[FromWorker], None],
        classes: Mapping[str, type],
        display_names: Mapping[str, str | None],
        files: SpacesOfFiles,
        device: torch.device,
    ) -> None:
        self._send = send
        self._classes = classes
        self._display_names = display_names
        self._device = device
        self._checks = InputChecker(send, classes, files)
        self._digest = ""

    def start(self) -> None:
        """Say what nodes there are, then watch."""
        self._report()
        self._look()
        self.publish()
        self._checks.start()
        threading.Thread(target=self._watch, name="upkeep", daemon=True).start()

    def ask(self, question: CheckInputs) -> None:
        """Have a question answered, soon."""
        self._checks.ask(question)

    def publish(self) -> None:
        """Say what nodes there are, unless that was said already."""
        definitions = definitions_json(self._classes, self._display_names)
        digest = digest_of(definitions)
        if digest != self._digest:
            self._digest = digest
            self._send(NodesLoaded(digest, definitions))

    def _watch(self) -> None:
        next_look = 0.0
        while True:
            time.sleep(LOOK_INTERVAL)
            self._checks.leave_behind_what_hangs()
            self._report()
            began = time.monotonic()
            if began >= next_look:
                if self._look():
                    self.publish()
                ended = time.monotonic()
                next_look = ended + min((ended - began) / LOOK_SHARE, LONGEST_LOOK_PAUSE)

    def _report(self) -> None:
        """Tell what is in the device's memory."""
        memory = structs.replace(memory_use(planner()), files=tuple(environment().checkpoints.files()))
        self._send(DeviceReport((structs.replace(describe(self._device), memory=memory),)))

    def _look(self) -> bool:
        """Whether models or input files are others than before."""
        try:
            return environment().refresh()
        except (OSError, ServiceError) as error:
            log.warning("cannot look for models and input files: %s", error)
            return False
