"""Whatever the graph and the cache, the outputs are what a plain evaluation gives."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from services.executor.engine.caches.choice import chosen_cache
from services.graph.events import ExecutionSucceeded
from tests.executor.engine.bench import Bench, Nodes, shown, started
from tests.executor.engine.nodes import Negate
from tests.executor.engine.subgraphs import SUBGRAPHS, Builder
from tests.executor.engine.test_lazy import Mix

CLASS_TYPES = ("Constant", "Negate", "Later", "Mix", "Countdown", "Delegate", "NeverTheSame", "Double")
OUTPUTS = ["out0", "out1", "out2"]


class Later(Negate):
    """A coroutine that others overtake."""

    async def go(self, image: Any) -> Any:
        await asyncio.sleep(abs(image) % 3 / 2000)
        return (image + 1,)


class Delegate(Negate):
    """Expands to a choice between its image and a double that may not be needed."""

    def go(self, image: Any) -> Any:
        builder = Builder()
        later = builder.node("Later", image=image)
        double = builder.node("Double", image=[later, 0])
        chosen = builder.node("Mix", image1=[later, 0], image2=[double, 0], mask=image % 3)
        return {"result": ([chosen, 0],), "expand": builder.nodes}


def random_graph(dice: random.Random, size: int) -> dict[str, tuple[str, dict[str, Any]]]:
    nodes: dict[str, tuple[str, dict[str, Any]]] = {"0": ("Constant", {"value": dice.randint(-3, 3)})}
    for number in range(1, size):
        nodes[str(number)] = random_node(dice, [*nodes])
    for output in OUTPUTS:
        nodes[output] = ("Show", {"images": [dice.choice([*nodes][:size]), 0]})
    return dict(dice.sample(list(nodes.items()), len(nodes)))


def random_node(dice: random.Random, sources: list[str]) -> tuple[str, dict[str, Any]]:
    class_type = dice.choice(CLASS_TYPES)
    link = [dice.choice(sources), 0]
    if class_type == "Constant":
        return class_type, {"value": dice.randint(-3, 3)}
    if class_type == "Mix":
        lazy = {name: [dice.choice(sources), 0] for name in ("image1", "image2")}
        return class_type, {**lazy, "mask": link}
    if class_type == "Countdown":
        return class_type, {"image": link, "n": dice.randint(0, 3)}
    return class_type, {"image": link}


def evaluated(nodes: Nodes) -> dict[str, Any]:
    known: dict[str, int] = {}

    def value(node_id: str) -> int:
        if node_id not in known:
            class_type, inputs = nodes[node_id]
            known[node_id] = apply(class_type, {name: of(item) for name, item in inputs.items()})
        return known[node_id]

    def of(item: Any) -> int:
        return value(item[0]) if isinstance(item, list) else int(item)

    return {output: {"images": [value(output)]} for output in OUTPUTS}


def apply(class_type: str, inputs: dict[str, int]) -> int:
    image = inputs.get("image", 0)
    match class_type:
        case "Constant":
            return inputs["value"]
        case "Negate":
            return -image
        case "Later":
            return image + 1
        case "Mix":
            choices = {0: inputs["image1"], 1: inputs["image2"]}
            return choices.get(inputs["mask"], inputs["image1"] + inputs["image2"])
        case "Countdown":
            return int(image * 2 ** inputs["n"])
        case "Delegate":
            mixed = {"image1": image + 1, "image2": 2 * (image + 1), "mask": image % 3}
            return apply("Mix", mixed)
        case "Double":
            return image * 2
        case "NeverTheSame":
            return -image
        case "Show":
            return inputs["images"]
    raise AssertionError(class_type)


@pytest.mark.parametrize("cache", ["classic", "lru:5", "lru:100", "none"])
@pytest.mark.parametrize("seed", range(12))
def test_outputs_are_what_the_graph_says(seed: int, cache: str) -> None:
    dice = random.Random(seed)
    bench = Bench(*SUBGRAPHS, Later, Mix, Delegate, cache=chosen_cache(cache, lambda: 0))
    prompts = [random_graph(dice, dice.randint(2, 40)) for _ in range(3)]

    for prompt in [*prompts, *prompts, prompts[-1]]:
        events = bench.run(prompt, OUTPUTS)
        told = {node_id: output for node_id, output in shown(events).items() if node_id in OUTPUTS}
        assert events[-1] == ExecutionSucceeded()
        assert told == evaluated(prompt)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_cached_does_not_run(seed: int) -> None:
    dice = random.Random(seed)
    prompt = {node_id: node for node_id, node in random_graph(dice, 30).items() if node[0] != "NeverTheSame"}
    present = {
        node_id: node
        for node_id, node in prompt.items()
        if all(item[0] in prompt for item in node[1].values() if isinstance(item, list))
    }
    outputs = [output for output in OUTPUTS if complete(output, present)]
    bench = Bench(*SUBGRAPHS, Later, Mix, Delegate)
    bench.run(present, outputs)

    assert started(bench.run(present, outputs)) == []


def complete(node_id: str, nodes: Nodes) -> bool:
    """Whether all that a node depends on is there."""
    return node_id in nodes and all(
        complete(item[0], nodes) for item in nodes[node_id][1].values() if isinstance(item, list)
    )
