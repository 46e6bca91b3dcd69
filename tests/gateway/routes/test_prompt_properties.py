"""Whatever a prompt consists of, it is taken or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.stack import CLASSES, Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFINITIONS = json.loads(CLASSES)
IDS = st.sampled_from(["1", "2", "3"]) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([1e308, -(2**70), 2**64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
LINKS = st.tuples(IDS, st.integers(-1, 2) | VALUES).map(list)


def nodes_of(class_type: str) -> st.SearchStrategy[dict[str, Any]]:
    """Nodes of a class with the inputs that it has, most of them."""
    inputs = DEFINITIONS[class_type]["input"]
    names = [name for kind in ("required", "optional") for name in inputs.get(kind, ())]
    given = st.fixed_dictionaries({}, optional=dict.fromkeys(names, LINKS | VALUES | st.integers(0, 64)))
    return st.fixed_dictionaries({"class_type": st.just(class_type), "inputs": given})


OUTPUTS = [name for name, it in DEFINITIONS.items() if it["output_node"]]
NODES = st.sampled_from(sorted(DEFINITIONS)).flatmap(nodes_of)
GRAPHS = st.builds(
    lambda nodes, output, junk: {**nodes, "2": output, **junk},
    st.dictionaries(IDS, NODES, max_size=4),
    st.sampled_from(sorted(OUTPUTS)).flatmap(nodes_of),
    st.just({}) | st.just({}) | st.dictionaries(IDS, VALUES, max_size=1),
)
MEMBERS = ("prompt_id", "client_id", "number", "front", "extra_data", "partial_execution_targets")


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(graph=GRAPHS, more=st.just({}) | st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=2))
async def test_a_prompt_is_taken_or_refused_with_a_reason(shared: Gateway, graph: Any, more: dict[str, Any]) -> None:
    body = json.dumps({"prompt": graph, **more}).encode()
    answer = await shared.http.post("/prompt", content=body)
    assert answer.status_code in (200, 400, 409)
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]
