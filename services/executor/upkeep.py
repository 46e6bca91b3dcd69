"""What a worker does beside running prompts: checks inputs, reports its device, notices new models and input files."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping

import torch

from services.errors import ServiceError
from services.executor.catalogue import definitions_json, digest_of
from services.executor.devices import describe
from services.executor.engine.context import NodeFiles, RunContext
from services.executor.environment import environment
from services.executor.input_checks import check_inputs
from services.executor.ipc import CheckInputs, DeviceReport, FromWorker, InputComplaints, NodesLoaded
from services.graph.complaints import Complaint
from services.graph.model import parse_graph

log = logging.getLogger(__name__)

#: Seconds between looks at the device, the model folders and the input folder.
LOOK_INTERVAL = 3.0

#: A look may take at most this share of the time: folders with very many files are looked at less often.
LOOK_SHARE = 0.02


class Upkeep:
    """A thread of its own, so that questions are answered while a node computes."""

    def __init__(
        self,
        send: Callable[[FromWorker], None],
        classes: Mapping[str, type],
        display_names: Mapping[str, str | None],
        files: NodeFiles,
        device: torch.device,
    ) -> None:
        self._send = send
        self._classes = classes
        self._display_names = display_names
        self._files = files
        self._device = device
        self._questions: queue.SimpleQueue[CheckInputs] = queue.SimpleQueue()
        self._digest = ""

    def start(self) -> None:
        """Say what nodes there are, then watch."""
        self._look()
        self.publish()
        threading.Thread(target=self._watch, name="upkeep", daemon=True).start()

    def ask(self, question: CheckInputs) -> None:
        """Have a question answered, soon."""
        self._questions.put(question)

    def publish(self) -> None:
        """Say what nodes there are, unless that was said already."""
        definitions = definitions_json(self._classes, self._display_names)
        digest = digest_of(definitions)
        if digest != self._digest:
            self._digest = digest
            self._send(NodesLoaded(digest, definitions))

    def _watch(self) -> None:
        look_at = time.monotonic() + LOOK_INTERVAL
        while True:
            try:
                self._answer(self._questions.get(timeout=max(0.0, look_at - time.monotonic())))
                continue
            except queue.Empty:
                began = time.monotonic()
            if self._look():
                self.publish()
            ended = time.monotonic()
            look_at = ended + max(LOOK_INTERVAL, (ended - began) / LOOK_SHARE)

    def _look(self) -> bool:
        """Report the device; returns whether models or input files are others than before."""
        try:
            self._send(DeviceReport((describe(self._device),)))
            return environment().refresh()
        except (OSError, ServiceError) as error:
            log.warning("cannot look for models and input files: %s", error)
            return False

    def _answer(self, question: CheckInputs) -> None:
        context = RunContext(prompt_id="", files=self._files)
        try:
            graph = parse_graph(question.graph_json)
            complaints = check_inputs(graph, question.node_ids, self._classes, context)
            self._send(InputComplaints(question.request_id, complaints))
        except Exception as error:  # what a node class answers may be anything; this thread has to live
            log.exception("the inputs of %d nodes cannot be checked", len(question.node_ids))
            complaint = Complaint(None, "its inputs cannot be checked, see the log", type(error).__name__)
            complaints = {node_id: [complaint] for node_id in question.node_ids}
            self._send(InputComplaints(question.request_id, complaints))
