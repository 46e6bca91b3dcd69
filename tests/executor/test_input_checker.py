"""Questions about inputs, answered while prompts run."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, cast

import pytest

from services.executor.engine.context import NodeFiles
from services.executor.input_checker import InputChecker
from services.executor.ipc import CheckInputs, InputComplaints
from services.graph.complaints import Complaint

PATIENCE = 20.0


def question(request_id: str, class_type: str) -> CheckInputs:
    return CheckInputs(request_id, json.dumps({"1": {"class_type": class_type, "inputs": {}}}).encode(), ("1",))


class NoFiles:
    def within(self, user: str) -> NodeFiles:
        return cast(NodeFiles, None)


class _Node:
    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {}


class Exiting(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls) -> bool:
        raise SystemExit(3)


class Quick(_Node):
    @classmethod
    def VALIDATE_INPUTS(cls) -> str:
        return "no"


def checker(answers: queue.Queue[InputComplaints], patience: float, *classes: type) -> InputChecker:
    made = InputChecker(answers.put, {cls.__name__: cls for cls in classes}, NoFiles(), patience)
    made.start()
    return made


def test_a_class_that_exits_is_a_complaint_and_the_next_is_asked() -> None:
    answers: queue.Queue[InputComplaints] = queue.Queue()
    checks = checker(answers, PATIENCE, Exiting, Quick)
    checks.ask(question("a", "Exiting"))
    checks.ask(question("b", "Quick"))
    exited = Complaint(None, "the node called sys.exit(3)", "SystemExit")
    assert answers.get(timeout=PATIENCE) == InputComplaints("a", {"1": [exited]})
    assert answers.get(timeout=PATIENCE).complaints["1"] == [Complaint(None, "no")]


def test_what_cannot_be_read_is_a_complaint_too() -> None:
    answers: queue.Queue[InputComplaints] = queue.Queue()
    checks = checker(answers, PATIENCE)
    checks.ask(CheckInputs("a", b"{", ("1",)))
    assert "see the log" in answers.get(timeout=PATIENCE).complaints["1"][0].message


def test_a_class_that_hangs_keeps_nobody_waiting_and_may_answer_late() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Hanging(_Node):
        @classmethod
        def VALIDATE_INPUTS(cls) -> bool:
            asked.set()
            return go_on.wait(PATIENCE)

    answers: queue.Queue[InputComplaints] = queue.Queue()
    checks = checker(answers, 0.0, Hanging, Quick)
    checks.ask(question("a", "Hanging"))
    checks.ask(question("b", "Quick"))
    assert asked.wait(PATIENCE)
    checks.leave_behind_what_hangs()
    assert answers.get(timeout=PATIENCE).request_id == "b"
    go_on.set()
    assert answers.get(timeout=PATIENCE) == InputComplaints("a", {})


def test_a_class_that_takes_its_time_is_waited_for() -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow(_Node):
        @classmethod
        def VALIDATE_INPUTS(cls) -> bool:
            asked.set()
            return go_on.wait(PATIENCE)

    answers: queue.Queue[InputComplaints] = queue.Queue()
    checks = checker(answers, PATIENCE, Slow, Quick)
    checks.ask(question("a", "Slow"))
    checks.ask(question("b", "Quick"))
    assert asked.wait(PATIENCE)
    checks.leave_behind_what_hangs()
    with pytest.raises(queue.Empty):
        answers.get(timeout=0.2)
    go_on.set()
    assert [answers.get(timeout=PATIENCE).request_id for _ in range(2)] == ["a", "b"]
