"""The module `execution` as packs know it."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.executor.custom.conftest import Load

GOOD = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 9}},
    "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
}


def validated(prompt: dict[str, Any], *more: Any) -> Any:
    import execution  # type: ignore[import-not-found]

    return asyncio.run(execution.validate_prompt("p", prompt, *more))


def test_a_prompt_that_could_be_submitted_is_valid(load: Load) -> None:
    load()
    assert validated(GOOD) == (True, None, ["2"], {})


def test_a_prompt_that_could_not_says_why(load: Load) -> None:
    load()
    valid, error, outputs, node_errors = validated(GOOD | {"2": {"class_type": "PreviewImage", "inputs": {}}})
    assert (valid, error["type"], outputs) == (False, "prompt_outputs_failed_validation", [])
    assert node_errors["2"]["errors"][0]["type"] == "required_input_missing"


def test_only_the_outputs_that_are_asked_for_count(load: Load) -> None:
    load()
    assert validated(GOOD, ["1"])[1]["type"] == "prompt_no_outputs"


def test_classes_check_their_own_inputs(load: Load) -> None:
    load()
    missing = {"1": {"class_type": "LoadImage", "inputs": {"image": "missing.png"}}}
    valid, _, _, node_errors = validated(missing | {"2": GOOD["2"]})
    assert not valid
    assert node_errors["1"]["errors"][0]["type"] == "custom_validation_failed"


def test_types_are_called_by_their_modules(load: Load) -> None:
    load()
    import execution

    assert execution.full_type_name(ValueError) == "ValueError"
    assert execution.full_type_name(asyncio.Event) == "asyncio.locks.Event"
