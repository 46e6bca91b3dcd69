"""Which node classes prompts may have (S24)."""

from __future__ import annotations

import pytest

from services.queue.node_rules import NodeRules
from services.queue.quotas import QueueLimits, Quotas
from services.queue.records import UserLimits
from services.queue.stores.memory import MemoryStore
from tests.queue.clock import ManualClock


@pytest.mark.parametrize(
    ("allowed", "denied", "name", "permitted"),
    [
        ((), (), "Any", True),
        (("KSampler",), (), "KSampler", True),
        (("KSampler",), (), "KSamplerAdvanced", False),
        (("KSampler",), (), "ksampler", False),
        (("KSampler*",), (), "KSamplerAdvanced", True),
        ((), ("Load*",), "LoadImage", False),
        ((), ("Load*",), "SaveImage", True),
        (("Load*",), ("LoadImageSet*",), "LoadImageSetFromFolderNode", False),
        (("Load*",), ("LoadImageSet*",), "LoadImage", True),
        (("*",), ("*",), "Any", False),
        (("Pipe [in]?",), (), "Pipe [in]?", True),
        (("Pipe [in]?",), (), "Pipe ix", False),
        (("a.c",), (), "abc", False),
        (("*",), (), "of\ntwo lines", True),
    ],
)
def test_what_is_permitted(allowed: tuple[str, ...], denied: tuple[str, ...], name: str, permitted: bool) -> None:
    assert NodeRules(allowed, denied).permits(name) is permitted


async def test_what_is_not_said_of_a_user_is_what_all_may_have(clock: ManualClock) -> None:
    quotas = Quotas(MemoryStore(), clock, QueueLimits(nodes=NodeRules(("A*",), ("AB",))))
    await quotas.set(UserLimits(user_id="ann", allowed_nodes=("*",)))
    await quotas.set(UserLimits(user_id="bob", denied_nodes=("AC",)))
    assert quotas.nodes("") == NodeRules(("A*",), ("AB",))
    assert quotas.nodes("ann") == NodeRules(("*",), ("AB",))
    assert quotas.nodes("bob") == NodeRules(("A*",), ("AC",))
