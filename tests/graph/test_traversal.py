from __future__ import annotations

from services.graph.traversal import Ancestry


def walk(outputs: list[str], **sources: str) -> Ancestry:
    return Ancestry(outputs, lambda node_id: sources.get(node_id, ""))


def test_every_node_comes_after_its_sources() -> None:
    assert walk(["d"], d="bc", b="a", c="a").order == ["a", "b", "c", "d"]


def test_only_ancestors_are_met_and_each_once() -> None:
    assert walk(["b", "c"], b="aa", c="ab", z="c").order == ["a", "b", "c"]


def test_a_chain_longer_than_the_recursion_limit_is_walked() -> None:
    ancestry = Ancestry(["9999"], lambda node_id: [str(int(node_id) - 1)] if node_id != "0" else [])

    assert ancestry.order == [str(number) for number in range(10_000)]


def test_a_cycle_is_named_in_the_direction_of_the_data() -> None:
    ancestry = walk(["o"], o="c", c="b", b="a", a="c")

    assert ancestry.cycles == [["a", "b", "c"]]


def test_a_node_that_takes_from_itself_is_a_cycle_of_one() -> None:
    assert walk(["o"], o="a", a="a").cycles == [["a"]]


def test_a_cycle_beside_the_ancestry_is_not_met() -> None:
    assert not walk(["o"], o="a", x="y", y="x").cycles


def test_cycles_apart_are_all_named() -> None:
    assert walk(["o"], o="ac", a="b", b="a", c="d", d="c").cycles == [["b", "a"], ["d", "c"]]


def test_no_node_is_named_twice_however_many_cycles_it_is_in() -> None:
    everything = "abcdefghij"

    cycles = Ancestry(["a"], lambda node_id: everything).cycles

    named = [node_id for cycle in cycles for node_id in cycle]
    assert len(named) == len(set(named)) > 0
