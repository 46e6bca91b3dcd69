from __future__ import annotations

import pytest

from services.executor.engine.order import DependencyCycleError, Schedule


def schedule(outputs: str, done: str = "", **sources: str) -> Schedule:
    made = Schedule(lambda node_id: sources.get(node_id, ""), done.__contains__)
    made.require_outputs(outputs)
    return made


def order(made: Schedule) -> str:
    picked = ""
    while (node_id := made.pick()) is not None:
        picked += node_id
        made.complete(node_id)
    return picked


def test_nodes_come_after_what_they_need() -> None:
    assert order(schedule("d", d="bc", b="a", c="a")) == "abcd"


def test_a_node_that_uses_a_source_twice_waits_for_it_once() -> None:
    assert order(schedule("b", b="aa")) == "ab"


def test_done_nodes_are_not_run_nor_what_only_they_need() -> None:
    assert order(schedule("c", done="b", c="ab", b="z")) == "ac"


def test_nothing_runs_for_outputs_that_are_done() -> None:
    assert order(schedule("a", done="a")) == ""


def test_one_branch_is_finished_before_the_next_is_begun() -> None:
    # two pictures, each sampled, decoded and saved, from one model
    made = schedule("xyz", x="c", y="d", z="e", c="a", d="b", e="k", a="m", b="m", k="m")

    assert order(made) == "macxbdykez"


def test_what_is_close_to_an_output_goes_before_what_is_far() -> None:
    assert order(schedule("xy", x="c", c="b", b="a", y="k")).index("y") < 2


def test_a_cycle_is_refused_by_name() -> None:
    with pytest.raises(DependencyCycleError, match="b -> a -> b") as raised:
        schedule("x", x="a", a="b", b="a")
    assert raised.value.cycle == ["b", "a"]


def test_a_running_node_may_turn_out_to_need_more() -> None:
    made = schedule("x", y="b", b="c")

    assert made.pick() == "x"
    made.wait_for("x", ["y"])

    assert order(made) == "cbyx"


def test_a_node_that_waits_for_what_is_done_runs_again_at_once() -> None:
    made = schedule("x", done="y")

    assert made.pick() == "x"
    made.wait_for("x", ["y"])

    assert order(made) == "x"


def test_5000_nodes_in_a_row_and_side_by_side_are_ordered() -> None:
    chain = Schedule(lambda node_id: [str(int(node_id) - 1)] if node_id != "0" else [], lambda node_id: False)
    chain.require_outputs(["4999"])
    fan = Schedule(lambda node_id: map(str, range(5000)) if node_id == "out" else [], lambda node_id: False)
    fan.require_outputs(["out"])

    for made, count in ((chain, 5000), (fan, 5001)):
        picked = 0
        while (node_id := made.pick()) is not None:
            made.complete(node_id)
            picked += 1
        assert picked == count
