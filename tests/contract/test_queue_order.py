"""In which order stores give out what waits."""

from __future__ import annotations

from functools import partial

import msgspec

from services.graph.requirements import Requirement
from services.queue import life as lives
from services.queue.records import PromptState
from services.queue.stores.base import ANY, Choice, QueueStore, Waiting
from tests.contract.prompts import new

SD = Requirement(classes=("CheckpointLoaderSimple",))
XL = Requirement(classes=("CheckpointLoaderSimple", "CLIPTextEncodeSDXL"))


async def add(store: QueueStore, *prompts: str, **fields: object) -> None:
    """Prompts numbered as they come; a user's name is what precedes the digits of the id."""
    for prompt_id in prompts:
        number = float(await store.next_number())
        prompt = new(prompt_id, number)
        await store.add(msgspec.structs.replace(prompt, user_id=prompt_id.rstrip("0123456789"), **fields))


async def claim(store: QueueStore, choice: Choice = ANY) -> str:
    assign = partial(lives.assign, executor_id="e", token="token", now=2.0, lease_until=32.0)
    claimed = await store.claim(assign, choice)
    return claimed.life.prompt_id if claimed else ""


async def claim_all(store: QueueStore, choice: Choice = ANY) -> list[str]:
    claimed = []
    while prompt_id := await claim(store, choice):
        claimed.append(prompt_id)
    return claimed


async def listed(store: QueueStore) -> list[str]:
    prompts, _ = await store.list([PromptState.PENDING], limit=0, offset=0, from_end=False)
    return [prompt.prompt_id for prompt in prompts]


async def test_one_user_is_served_in_the_order_of_numbers(store: QueueStore) -> None:
    for prompt_id, number in (("a", 1.0), ("b", 2.0), ("c", 1.5), ("front", -3.0), ("late", 99.0), ("d", 4.0)):
        await store.add(new(prompt_id, number))
    expected = ["front", "a", "c", "b", "d", "late"]
    assert await listed(store) == expected
    assert await claim_all(store) == expected


async def test_users_take_turns_however_many_prompts_one_has(store: QueueStore) -> None:
    await add(store, *(f"hog{i}" for i in range(1, 9)))
    assert [await claim(store) for _ in range(3)] == ["hog1", "hog2", "hog3"]
    await add(store, "b1", "b2", "c1")
    expected = ["b1", "c1", "hog4", "b2", "hog5", "hog6", "hog7", "hog8"]
    assert await listed(store) == expected
    assert await claim_all(store) == expected


async def test_a_user_of_twice_the_weight_is_served_twice_as_often(store: QueueStore) -> None:
    await add(store, *(f"light{i}" for i in range(6)))
    await add(store, *(f"heavy{i}" for i in range(12)), weight=2.0)
    first = (await claim_all(store))[:9]
    assert sum(prompt.startswith("heavy") for prompt in first) == 6


async def test_a_user_who_was_away_has_no_claim_to_what_was_missed(store: QueueStore) -> None:
    await add(store, "a1", "b1")
    await claim_all(store)
    await add(store, *(f"a{i}" for i in range(2, 9)))
    assert len([await claim(store) for _ in range(5)]) == 5
    await add(store, "b2", "b3", "b4")
    assert await claim_all(store) == ["b2", "a7", "b3", "a8", "b4"]


async def test_who_goes_to_the_front_goes_before_their_own_prompts_and_pays_for_it(store: QueueStore) -> None:
    await add(store, "a1", "b1", "a2", "b2", "a3")
    await store.add(msgspec.structs.replace(new("a9", -5.0), user_id="a"))
    await add(store, "a4", "b3", "b4", "b5")
    order = await claim_all(store)
    assert order.index("a9") == 0
    assert [prompt for prompt in order if prompt.startswith("a")] == ["a9", "a1", "a2", "a3", "a4"]
    assert order.index("a4") > order.index("b4")


async def test_higher_priorities_come_before_all_others(store: QueueStore) -> None:
    await add(store, "a1", "a2")
    await add(store, "b1", priority=-1)
    await add(store, "c1", priority=5)
    assert await claim_all(store) == ["c1", "a1", "a2", "b1"]


async def test_a_prompt_that_was_given_back_comes_first_again(store: QueueStore) -> None:
    await add(store, "a1", "a2", "b1", "b2")
    assert await claim(store) == "a1"
    assert await claim(store) == "b1"
    back = partial(lives.lose, token="token", reason="lost", counts=True, max_attempts=3, now=3.0)
    await store.apply("b1", back)
    await add(store, "c1")
    assert (await claim_all(store))[0] == "b1"


async def test_only_chosen_placements_are_claimed(store: QueueStore) -> None:
    await add(store, "a1", requirement=SD)
    await add(store, "a2", "a3", requirement=XL)
    assert await claim(store, Choice(placements=frozenset({XL.placement}))) == "a2"
    assert await claim(store, Choice(placements=frozenset())) == ""
    assert await claim_all(store) == ["a1", "a3"]


async def test_users_may_be_passed_over(store: QueueStore) -> None:
    await add(store, "a1", "a2", "b1")
    assert await claim_all(store, Choice(users=frozenset({"b", "c"}))) == ["b1"]


async def test_what_is_warm_is_preferred_but_nobody_is_passed_over_more_often_than_allowed(store: QueueStore) -> None:
    await add(store, "a1", requirement=SD)
    await add(store, *(f"a{i}" for i in range(2, 8)), requirement=XL)
    warm = Choice(warm=frozenset({XL.placement}), window=3)
    assert await claim_all(store, warm) == ["a2", "a3", "a4", "a1", "a5", "a6", "a7"]


async def test_what_is_warm_is_looked_for_in_the_window_only(store: QueueStore) -> None:
    await add(store, "a1", "a2", "a3", requirement=SD)
    await add(store, "a4", requirement=XL)
    assert await claim(store, Choice(warm=frozenset({XL.placement}), window=2)) == "a1"


async def test_what_is_warm_does_not_go_before_higher_priorities(store: QueueStore) -> None:
    await add(store, "a1", requirement=SD, priority=1)
    await add(store, "a2", requirement=XL)
    assert await claim(store, Choice(warm=frozenset({XL.placement}), window=3)) == "a1"


async def test_what_waits_is_counted_by_placement_and_user(store: QueueStore) -> None:
    await add(store, "a1", "a2", "b1", requirement=SD)
    await add(store, "a3", requirement=XL)
    await claim(store)
    waiting = await store.waiting()
    assert sorted(waiting, key=lambda one: (one.user_id, one.prompts)) == sorted(
        [Waiting(SD.placement, "a", 1), Waiting(XL.placement, "a", 1), Waiting(SD.placement, "b", 1)],
        key=lambda one: (one.user_id, one.prompts),
    )


async def test_requirements_are_found_by_placement(store: QueueStore) -> None:
    await add(store, "a1", "a2", requirement=SD)
    await add(store, "a3", requirement=XL)
    assert await store.requirements([SD.placement, 12]) == [SD]


async def test_depths_are_by_state_priority_and_whether_there_is_a_user(store: QueueStore) -> None:
    await add(store, "a1", "a2", "b1", priority=2)
    await store.add(new("0", 9))
    await claim(store)
    depths = {(depth.state, depth.priority, depth.is_named): depth for depth in await store.depths()}
    waiting, running = PromptState.PENDING, PromptState.RUNNING
    assert {key: depth.prompts for key, depth in depths.items()} == {
        (waiting, 2, True): 2,
        (running, 2, True): 1,
        (waiting, 0, False): 1,
    }
    assert all(depth.oldest == 1.5 for depth in depths.values())
