from __future__ import annotations

import pytest

from services.errors import InvalidArgument
from services.executor.engine.caches.choice import chosen_cache
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.caches.none import NoCache
from services.executor.engine.caches.recent import RecentCache
from services.executor.engine.results import NodeResult


def keys_kept(setting: str, available: int, prompts: list[list[bytes]]) -> list[list[bytes]]:
    """Which of all results are there after each prompt."""
    cache = chosen_cache(setting, lambda: available)
    assert isinstance(cache, RecentCache)
    kept = []
    for prompt in prompts:
        cache.begin(prompt, [])
        for key in prompt:
            if cache.get(key) is None:
                cache.put(key, NodeResult((), key))
        kept.append(cache.keys())
    return kept


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("classic", ClassicCache),
        ("none", NoCache),
        ("lru:7", RecentCache),
        ("ram:4", RecentCache),
        ("ram:0.5", RecentCache),
    ],
)
def test_a_setting_names_a_cache(setting: str, kind: type) -> None:
    assert isinstance(chosen_cache(setting, lambda: 0), kind)


@pytest.mark.parametrize(
    "setting",
    ["", "lru", "lru:", "lru:0", "lru:-1", "lru:x", "lru:²", "ram", "ram:0", "ram:nan", "ram:inf", "classic:1", "all"],
)
def test_another_setting_is_refused_by_name(setting: str) -> None:
    with pytest.raises(InvalidArgument, match=f"cache '{setting}' is none of classic, lru:N, none or ram:GB"):
        chosen_cache(setting, lambda: 0)


def test_of_several_prompts_the_last_results_are_kept() -> None:
    a, b, c, d = b"a", b"b", b"c", b"d"

    assert keys_kept("lru:3", 0, [[a, b], [c], [a], [d]]) == [[a, b], [a, b, c], [b, c, a], [c, a, d]]


def test_what_the_running_prompt_uses_is_kept_even_if_it_is_more() -> None:
    a, b, c = b"a", b"b", b"c"

    assert keys_kept("lru:1", 0, [[a, b, c], [a, b, c], [c]]) == [[a, b, c], [a, b, c], [c]]


def test_when_memory_is_short_only_the_running_prompt_is_kept() -> None:
    a, b = b"a", b"b"

    assert keys_kept("ram:1", 999_999_999, [[a], [b]]) == [[a], [b]]
    assert keys_kept("ram:1", 1_000_000_000, [[a], [b]]) == [[a], [a, b]]
