"""Answers the queue's questions about inputs while prompts run."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping

from services.executor.engine.context import RunContext, SpacesOfFiles, in_run
from services.executor.input_checks import check_inputs
from services.executor.ipc import CheckInputs, InputComplaints
from services.graph.complaints import Complaint
from services.graph.model import parse_graph

log = logging.getLogger(__name__)

#: Seconds that a check may take before others no longer wait for it; the queue does not wait that long either.
PATIENCE = 10.0


class InputChecker:
    """Questions, answered one after the other in a thread that is replaced when a node class keeps it for itself."""

    def __init__(
        self,
        send: Callable[[InputComplaints], None],
        classes: Mapping[str, type],
        files: SpacesOfFiles,
        patience: float = PATIENCE,
    ) -> None:
        self._send = send
        self._classes = classes
        self._files = files
        self._patience = patience
        self._questions: queue.SimpleQueue[CheckInputs] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        #: when the check under way began, by the monotonic clock
        self._began: float | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._began = None
        self._thread = threading.Thread(target=self._answer_all, name="input checks", daemon=True)
        self._thread.start()

    def ask(self, question: CheckInputs) -> None:
        """Have a question answered, soon."""
        self._questions.put(question)

    def leave_behind_what_hangs(self) -> None:
        """Answer in another thread when a check takes too long; to be called now and then."""
        if self._began is not None and time.monotonic() - self._began > self._patience:
            log.warning("inputs have been checked for more than %.0f s; others are not kept waiting", self._patience)
            self.start()

    def _answer_all(self) -> None:
        while threading.current_thread() is self._thread:
            question = self._questions.get()
            self._began = time.monotonic()
            self._answer(question)
            if threading.current_thread() is self._thread:
                self._began = None

    def _answer(self, question: CheckInputs) -> None:
        files = self._files.within(question.file_space)
        context = RunContext(prompt_id="", files=files, file_space=question.file_space)
        try:
            graph = parse_graph(question.graph_json)
            with in_run(context):
                complaints = check_inputs(graph, question.node_ids, self._classes, context)
            self._send(InputComplaints(question.request_id, complaints))
        except Exception as error:  # what a node class answers may be anything; this thread has to live
            log.exception("the inputs of %d nodes cannot be checked", len(question.node_ids))
            complaint = Complaint(None, "its inputs cannot be checked, see the log", type(error).__name__)
            complaints = {node_id: [complaint] for node_id in question.node_ids}
            self._send(InputComplaints(question.request_id, complaints))
