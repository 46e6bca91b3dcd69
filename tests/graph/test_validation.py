from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from services.errors import Unavailable
from services.graph.complaints import Complaint
from services.graph.errors import PromptRejected
from services.graph.model import Graph, parse_graph
from services.graph.validation import validate
from tests.graph.catalogues import catalogue, graph, nobody_complains, recorded_catalogue, validated

CORE = recorded_catalogue()
EMPTY = {"width": 8, "height": 8, "batch_size": 1, "color": 0}


async def refusal(submitted: Graph, known: Any = CORE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The error of the prompt and those of its nodes."""
    with pytest.raises(PromptRejected) as raised:
        await validated(submitted, known)
    return json.loads(raised.value.error_json), json.loads(raised.value.node_errors_json)


def chain(length: int, first: tuple[str, dict[str, Any]]) -> Graph:
    nodes = {"0": first}
    for number in range(1, length):
        nodes[str(number)] = ("ImageInvert", {"image": [str(number - 1), 0]})
    return graph(**nodes, out=("PreviewImage", {"images": [str(length - 1), 0]}))


async def test_a_chain_of_10000_nodes_is_accepted() -> None:
    accepted = await validated(chain(10_000, ("EmptyImage", EMPTY)), CORE)

    assert accepted.output_node_ids == ("out",)


async def test_an_error_at_the_far_end_of_a_long_chain_reaches_its_output() -> None:
    error, node_errors = await refusal(chain(10_000, ("EmptyImage", EMPTY | {"width": 0})))

    assert error["type"] == "prompt_outputs_failed_validation"
    assert node_errors["0"]["dependent_outputs"] == ["out"]


async def test_a_cycle_of_10000_nodes_is_refused_with_some_of_their_names() -> None:
    error, node_errors = await refusal(chain(10_000, ("ImageInvert", {"image": ["9999", 0]})))

    assert error["details"].startswith("Dependency cycle detected: 0 -> 1 -> ")
    assert error["details"].endswith(" -> (9980 more) -> " + " -> ".join(map(str, range(9990, 10_000))) + " -> 0")
    assert len(node_errors) == 20


async def test_a_cycle_spoils_only_the_outputs_behind_it() -> None:
    accepted = await validated(
        graph(
            a=("ImageInvert", {"image": ["b", 0]}),
            b=("ImageInvert", {"image": ["a", 0]}),
            bad=("PreviewImage", {"images": ["a", 0]}),
            c=("EmptyImage", EMPTY),
            good=("PreviewImage", {"images": ["c", 0]}),
        ),
        CORE,
    )

    assert accepted.output_node_ids == ("good",)
    errors = json.loads(accepted.node_errors_json)
    assert {node_id: found["dependent_outputs"] for node_id, found in errors.items()} == {"a": ["bad"], "b": ["bad"]}
    assert errors["a"]["errors"][0]["details"] == "b -> a -> b"


async def test_an_output_that_only_feeds_on_a_cycle_within_a_cycle_is_refused() -> None:
    pair = {"input": {"required": {"x": ["IMAGE"], "y": ["IMAGE"]}}, "output": ["IMAGE"]}
    sink = {"input": {"required": {"x": ["IMAGE"]}}, "output": [], "output_node": True}
    nodes = {name: ("Pair", {"x": [source, 0], "y": [other, 0]}) for name, source, other in ("abc", "bca", "cab")}

    _, node_errors = await refusal(graph(**nodes, out=("Sink", {"x": ["c", 0]})), catalogue(Pair=pair, Sink=sink))

    assert node_errors
    assert all(found["dependent_outputs"] == ["out"] for found in node_errors.values())


async def test_a_fault_below_very_many_outputs_names_some_of_them() -> None:
    nodes = dict(chain(1000, ("EmptyImage", EMPTY | {"width": 0})).source)
    for number in range(1000):
        nodes[f"out{number}"] = {"class_type": "PreviewImage", "inputs": {"images": ["999", 0]}}

    _, node_errors = await refusal(parse_graph(json.dumps(nodes).encode()))

    assert list(node_errors) == ["0"]
    assert 100 < len(node_errors["0"]["dependent_outputs"]) < 1001


async def test_errors_are_in_the_order_of_the_declaration() -> None:
    _, node_errors = await refusal(graph(n=("ProbeTypes", {"c": "no", "f": "q", "combo2": "p", "i": 99})))

    details = [error["details"].split(",")[0].split(":")[0] for error in node_errors["n"]["errors"]]
    assert details == ["i", "f", "s", "b", "c", "big"]


async def test_outputs_are_in_the_order_of_the_prompt_not_of_the_request() -> None:
    nodes = {name: ("PreviewImage", {"images": ["e", 0]}) for name in ("z", "a", "m")}

    accepted = await validated(graph(**nodes, e=("EmptyImage", EMPTY)), CORE, ["m", "z", "e", "unknown"])

    assert accepted.output_node_ids == ("z", "m")


async def test_an_undeclared_input_may_be_linked_but_not_to_nowhere() -> None:
    image = ("EmptyImage", EMPTY)
    accepted = await validated(graph(e=image, out=("PreviewImage", {"images": ["e", 0], "more": ["e", 0]})), CORE)
    _, node_errors = await refusal(graph(e=image, out=("PreviewImage", {"images": ["e", 0], "more": ["gone", 0]})))

    assert accepted.output_node_ids == ("out",)
    assert [error["details"] for error in node_errors["out"]["errors"]] == ["'gone'"]


async def test_a_fault_of_an_inner_node_is_told_with_the_input_that_leads_to_it() -> None:
    error, node_errors = await refusal(
        graph(a=("ImageInvert", {"image": ["gone", 0]}), out=("PreviewImage", {"images": ["a", 0]}))
    )

    assert error["details"] == ""
    assert node_errors["a"]["errors"] == [
        {
            "type": "exception_during_inner_validation",
            "message": "Exception when validating inner node",
            "details": "'gone'",
            "extra_info": {
                "input_name": "images",
                "input_config": ["IMAGE", {}],
                "exception_message": "'gone'",
                "exception_type": "KeyError",
                "traceback": [],
                "linked_node": ["a", 0],
            },
        }
    ]


async def test_limits_do_not_apply_to_what_is_no_number() -> None:
    odd = {"input": {"required": {"v": ["IMAGE,FLOAT", {"min": 0}]}}, "output": [], "output_node": True}

    accepted = await validated(graph(n=("Odd", {"v": "foo"})), catalogue(Odd=odd))

    assert accepted.output_node_ids == ("n",)


async def test_several_choices_at_once_are_each_checked() -> None:
    several = ["COMBO", {"options": ["p", "q"], "multiselect": True}]
    known = catalogue(Pick={"input": {"required": {"v": several}}, "output": [], "output_node": True})

    await validated(graph(n=("Pick", {"v": {"__value__": ["p", "q"]}})), known)
    _, node_errors = await refusal(graph(n=("Pick", {"v": {"__value__": ["p", "z"]}})), known)

    assert node_errors["n"]["errors"][0]["type"] == "value_not_in_list"


async def test_a_received_value_that_json_cannot_hold_is_told_as_null() -> None:
    submitted = graph(n=("ProbeTypes", {"i": float("nan"), "f": 1, "s": "", "b": True, "c": "one", "big": "3"}))

    _, node_errors = await refusal(submitted)

    assert node_errors["n"]["errors"][0]["extra_info"]["received_value"] is None


class Questions:
    """Records what the classes are asked, and gives one answer to all."""

    def __init__(self, *complaints: Complaint) -> None:
        self.asked: list[list[str]] = []
        self._complaints = list(complaints)

    async def __call__(self, node_ids: Collection[str]) -> dict[str, list[Complaint]]:
        self.asked.append(list(node_ids))
        return dict.fromkeys(node_ids, self._complaints)


async def test_all_classes_are_asked_at_once_and_only_about_what_is_wanted() -> None:
    questions = Questions()
    probes = {name: ("ProbeValidate", {"v": 1, "w": 1}) for name in ("a", "b", "c")}

    await validate(graph(**probes, e=("EmptyImage", EMPTY)), CORE, ["c", "a"], questions)

    assert questions.asked == [["a", "c"]]


async def test_nobody_is_asked_when_no_class_checks_its_inputs() -> None:
    questions = Questions()

    await validate(chain(3, ("EmptyImage", EMPTY)), CORE, None, questions)

    assert questions.asked == []


async def test_a_class_is_not_asked_about_a_node_that_lacks_its_arguments() -> None:
    questions = Questions(Complaint("v", "never"))

    with pytest.raises(PromptRejected) as raised:
        await validate(
            graph(a=("ProbeValidate", {"w": 99}), b=("ProbeValidate", {"v": "x", "w": 1})), CORE, None, questions
        )

    assert questions.asked == []
    errors = json.loads(raised.value.node_errors_json)
    assert [error["type"] for error in errors["a"]["errors"]] == ["required_input_missing", "value_bigger_than_max"]


async def test_a_complaint_adds_to_the_errors_of_other_inputs() -> None:
    with pytest.raises(PromptRejected) as raised:
        await validate(graph(a=("ProbeValidate", {"v": 1, "w": 99})), CORE, None, Questions(Complaint(None, "no")))

    errors = json.loads(raised.value.node_errors_json)["a"]["errors"]
    assert [(error["type"], error["details"]) for error in errors] == [
        ("value_bigger_than_max", "w"),
        ("custom_validation_failed", "no"),
    ]


async def test_a_class_that_checks_types_is_given_links_of_any() -> None:
    lenient = {
        "input": {"required": {"x": ["IMAGE"]}},
        "output": [],
        "output_node": True,
        "validation": {"arguments": ["input_types"], "any": False},
    }
    number = {"input": {}, "output": ["INT"]}
    known = catalogue(Lenient=lenient, Number=number)

    accepted = await validated(graph(n=("Number", {}), out=("Lenient", {"x": ["n", 0]})), known)

    assert accepted.output_node_ids == ("out",)


async def test_an_executor_that_cannot_be_asked_is_no_error_of_the_prompt() -> None:
    async def nobody(node_ids: object) -> dict[str, list[Complaint]]:
        raise Unavailable("no executor is connected")

    with pytest.raises(Unavailable):
        await validate(graph(a=("ProbeValidate", {"v": 1, "w": 1})), CORE, None, nobody)


async def test_an_unknown_class_is_refused_wherever_it_stands() -> None:
    with pytest.raises(PromptRejected) as raised:
        await validate(graph(out=("ProbeValidate", {"v": 1, "w": 1}), b=("Nope", {})), CORE, None, nobody_complains)

    error = json.loads(raised.value.error_json)
    assert (error["message"], error["details"]) == (
        "Cannot execute because node Nope does not exist.",
        "Node ID '#b'",
    )
