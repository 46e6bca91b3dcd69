"""What conditions come to when they are sampled: options that say nothing change nothing, parts make up the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.nodes.conditioning import CLIPTextEncode
from services.executor.nodes.conditioning_arithmetic import (
    ConditioningAverage,
    ConditioningCombine,
    ConditioningConcat,
)
from services.executor.nodes.conditioning_regions import (
    ConditioningSetArea,
    ConditioningSetAreaPercentage,
    ConditioningSetAreaStrength,
    ConditioningSetMask,
    ConditioningSetTimestepRange,
)
from services.executor.patching.sampling import sample
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

WIDTH, HEIGHT = 104, 72  # pixels; odd numbers of cells
CLOSE = 1e-4  # of the largest value: rounding, made larger by a random network


class Bench:
    """Samples conditions with a small model."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.cat, self.dog, self.nothing = (self.text(text) for text in ("a red (cat:1.2)", "two dogs", ""))

    def text(self, text: Any) -> Any:
        return CLIPTextEncode().encode(self._loaded.clip, text)[0]

    def sampled(self, positive: Any, negative: Any = None, batch: int = 1, **how: Any) -> Tensor:
        settings = {"seed": 3, "steps": 2, "cfg": 4.0, "sampler": "euler", "scheduler": "normal", **how}
        latent = torch.zeros(batch, 4, HEIGHT // 8, WIDTH // 8)
        return sample(self._loaded.model, positive, self.nothing if negative is None else negative, latent, **settings)


@pytest.fixture
def bench(loaded: Loaded) -> Bench:
    return Bench(loaded)


def assert_same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=CLOSE * float(other.abs().max()))


def assert_other(one: Tensor, other: Tensor) -> None:
    assert float((one - other).abs().max()) > 100 * CLOSE * float(other.abs().max())


def area(conditioning: Any, width: int, height: int, x: int = 0, y: int = 0, strength: float = 1.0) -> Any:
    return ConditioningSetArea().append(conditioning, width, height, x, y, strength)[0]


def share(conditioning: Any, width: float, height: float, x: float = 0, y: float = 0, strength: float = 1.0) -> Any:
    return ConditioningSetAreaPercentage().append(conditioning, width, height, x, y, strength)[0]


def masked(conditioning: Any, mask: Any, strength: float = 1.0, bounds: str = "default") -> Any:
    return ConditioningSetMask().append(conditioning, mask, bounds, strength)[0]


def during(conditioning: Any, start: float, end: float) -> Any:
    return ConditioningSetTimestepRange().set_range(conditioning, start, end)[0]


def both(one: Any, other: Any) -> Any:
    return ConditioningCombine().combine(one, other)[0]


ONES = torch.ones(1, HEIGHT, WIDTH)


@pytest.mark.parametrize("strength", [0.3, 1.0, 7.0])
def test_a_condition_for_the_whole_picture_is_one_without_a_place(bench: Bench, strength: float) -> None:
    expected = bench.sampled(bench.cat)
    assert_same(bench.sampled(area(bench.cat, WIDTH, HEIGHT, strength=strength)), expected)
    assert_same(bench.sampled(share(bench.cat, 1.0, 1.0, strength=strength)), expected)
    assert_same(bench.sampled(masked(bench.cat, ONES, strength)), expected)
    assert_same(bench.sampled(masked(bench.cat, ONES, strength, "mask bounds")), expected)
    assert_same(bench.sampled(ConditioningSetAreaStrength().append(bench.cat, strength)[0]), expected)


def test_an_area_that_reaches_over_the_edge_ends_there(bench: Bench) -> None:
    over = both(bench.cat, area(bench.dog, 800, 800, x=64, y=32))
    within = both(bench.cat, area(bench.dog, WIDTH - 64, HEIGHT - 32, x=64, y=32))
    assert torch.equal(bench.sampled(over), bench.sampled(within))
    assert_other(bench.sampled(over), bench.sampled(bench.cat))


def test_an_area_in_shares_is_that_in_pixels(bench: Bench) -> None:
    pixels = both(bench.cat, area(bench.dog, 64, 64, x=32, y=16))
    shares = both(bench.cat, share(bench.dog, 64 / WIDTH, 64 / HEIGHT, x=32 / WIDTH, y=16 / HEIGHT))
    assert torch.equal(bench.sampled(shares), bench.sampled(pixels))


@pytest.mark.parametrize("place", [area, share])
def test_an_area_outside_of_the_picture_is_refused(bench: Bench, place: Any) -> None:
    outside = area(bench.dog, 64, 64, x=WIDTH) if place is area else share(bench.dog, 0.5, 0.5, x=1.0)
    with pytest.raises(ValueError, match="^area: "):
        bench.sampled(both(bench.cat, outside))


def test_a_strength_of_zero_leaves_the_others_alone(bench: Bench) -> None:
    expected = bench.sampled(bench.cat)
    assert_same(bench.sampled(both(bench.cat, area(bench.dog, WIDTH, HEIGHT, strength=0))), expected)
    assert_same(bench.sampled(both(bench.cat, masked(bench.dog, ONES, 0.0))), expected)
    assert_same(bench.sampled(both(bench.cat, masked(bench.dog, ONES * 0))), expected)


def test_strengths_weigh_conditions_against_one_another(bench: Bench) -> None:
    mixed = both(area(bench.cat, WIDTH, HEIGHT, strength=3.0), area(bench.dog, WIDTH, HEIGHT, strength=1.0))
    masks = both(masked(bench.cat, ONES, 0.75), masked(bench.dog, ONES, 0.25))
    assert_same(bench.sampled(mixed), bench.sampled(masks))
    assert_other(bench.sampled(mixed), bench.sampled(both(bench.cat, bench.dog)))


def test_nothing_but_conditions_without_strength_gives_numbers(bench: Bench) -> None:
    assert bench.sampled(area(bench.cat, WIDTH, HEIGHT, strength=0)).isfinite().all()
    assert bench.sampled(masked(bench.cat, ONES * 0)).isfinite().all()
    assert bench.sampled(masked(bench.cat, ONES * 0, bounds="mask bounds")).isfinite().all()


def test_two_halves_of_a_picture_by_mask_are_each_their_own(bench: Bench) -> None:
    left = torch.zeros(1, HEIGHT, WIDTH)
    left[..., : WIDTH // 2] = 1
    one = both(masked(bench.cat, left), masked(bench.dog, 1 - left))
    other = both(masked(bench.dog, 1 - left), masked(bench.cat, left))
    assert_same(bench.sampled(one), bench.sampled(other))
    same = both(masked(bench.cat, left), masked(bench.cat, 1 - left))
    assert_same(bench.sampled(same), bench.sampled(bench.cat))


@pytest.mark.parametrize("size", [(1, 1), (13, 17), (100, 37), (512, 512)])
def test_a_mask_of_any_size_is_stretched_over_the_picture(bench: Bench, size: tuple[int, int]) -> None:
    assert_same(bench.sampled(masked(bench.cat, torch.ones(1, *size))), bench.sampled(bench.cat))


def test_each_picture_of_a_batch_has_its_own_mask(bench: Bench) -> None:
    top, left = torch.zeros(HEIGHT, WIDTH), torch.zeros(HEIGHT, WIDTH)
    top[: HEIGHT // 2], left[:, : WIDTH // 2] = 1, 1

    def with_masks(*masks: Tensor) -> Tensor:
        return bench.sampled(both(bench.cat, masked(bench.dog, torch.stack(masks), 4.0)), batch=3)

    mixed = with_masks(top, left)
    assert_same(mixed[:1], with_masks(top)[:1])
    assert_same(mixed[1:2], with_masks(left)[1:2])
    assert_same(mixed[2:], with_masks(top)[2:])
    assert_other(mixed[1:2], with_masks(top)[1:2])


@pytest.mark.parametrize("cuts", [(0.5,), (0.2, 0.21, 0.9)])
def test_parts_of_the_sampling_make_up_the_whole(bench: Bench, cuts: tuple[float, ...]) -> None:
    points = [0.0, *cuts, 1.0]
    parts = [during(bench.cat, start, end) for start, end in zip(points, points[1:], strict=False)]
    assert_same(bench.sampled([entry for part in parts for entry in part]), bench.sampled(bench.cat))


def test_a_condition_is_there_in_its_part_of_the_sampling_only(bench: Bench) -> None:
    expected = bench.sampled(bench.cat, steps=6)
    never = both(bench.cat, during(bench.dog, 0.98, 0.99))
    assert torch.equal(bench.sampled(never, steps=6), expected)
    at_first = both(during(bench.cat, 0.3, 1.0), during(bench.dog, 0.0, 0.3))
    assert_other(bench.sampled(at_first, steps=6), expected)
    assert_other(bench.sampled(at_first, steps=6), bench.sampled(bench.dog, steps=6))


@pytest.mark.parametrize("range_", [(0.6, 0.4), (1.0, 1.0), (0.0, 0.0)])
def test_a_part_without_any_step_leaves_a_picture(bench: Bench, range_: tuple[float, float]) -> None:
    assert bench.sampled(during(bench.cat, *range_)).isfinite().all()


def test_an_average_of_all_and_of_nothing_is_one_of_both(bench: Bench) -> None:
    (all_of_it,) = ConditioningAverage().addWeighted(bench.cat, bench.dog, 1.0)
    (nothing_of_it,) = ConditioningAverage().addWeighted(bench.cat, bench.dog, 0.0)
    assert torch.equal(bench.sampled(all_of_it), bench.sampled(bench.cat))
    assert torch.equal(bench.sampled(nothing_of_it), bench.sampled(bench.dog))


def test_the_same_twice_is_the_same_once(bench: Bench) -> None:
    expected = bench.sampled(bench.cat)
    assert_same(bench.sampled(ConditioningConcat().concat(bench.cat, bench.cat)[0]), expected)
    assert_same(bench.sampled(both(bench.cat, bench.cat)), expected)
    assert_same(bench.sampled(bench.cat, both(bench.nothing, bench.nothing)), expected)


def test_conditions_may_come_in_any_order(bench: Bench) -> None:
    one = both(area(bench.cat, 64, 64), both(bench.dog, area(bench.nothing, 72, 40, x=64, y=64)))
    assert_same(bench.sampled(one[::-1]), bench.sampled(one))


def test_texts_of_other_lengths_share_a_batch_and_are_each_themselves(bench: Bench) -> None:
    long = bench.text("a red cat " * 60)
    assert long[0][0].shape[1] == 77 * 3
    mixed, separate = bench.sampled(long, bench.nothing), bench.sampled(long, bench.text(" "))
    assert_same(mixed, separate)
    assert_same(
        bench.sampled(bench.cat, ConditioningConcat().concat(bench.nothing, bench.nothing)[0]), bench.sampled(bench.cat)
    )


def test_without_a_positive_or_a_negative_condition_there_is_a_picture(bench: Bench) -> None:
    assert bench.sampled([]).isfinite().all()
    assert bench.sampled(bench.cat, []).isfinite().all()
    assert_same(bench.sampled(bench.cat, [], cfg=1.0), bench.sampled(bench.cat, cfg=1.0))


def test_a_picture_of_odd_size_in_parts_has_no_gaps(bench: Bench) -> None:
    quarters = [
        area(bench.cat, width, height, x, y)[0]
        for x, width in ((0, 72), (72, WIDTH - 72))
        for y, height in ((0, 40), (40, HEIGHT - 40))
    ]
    assert bench.sampled(quarters).isfinite().all()
    with_whole = bench.sampled([*quarters, *bench.cat])
    assert_other(with_whole, bench.sampled(bench.dog))


NAN = float("nan")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("strength", NAN, "strength: nan is no finite number"),
        ("strength", float("inf"), "strength: inf is no finite number"),
        ("start_percent", NAN, "start_percent: nan"),
        ("end_percent", NAN, "end_percent: nan"),
        ("area", ("percentage", NAN, 1.0, 0.0, 0.0), "area: .* are no shares"),
        ("mask", torch.ones(0, 8, 8), r"mask: it has the shape \[0, 8, 8\]"),
        ("mask", torch.ones(1, 0, 8), "mask: it has the shape"),
        ("mask", torch.ones(8), "mask: it has the shape"),
    ],
)
def test_values_that_say_nothing_are_refused_by_name(bench: Bench, option: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        bench.sampled([[embedding, {**options, option: value}] for embedding, options in bench.cat])


def test_what_a_node_gave_nothing_for_is_refused_by_name(bench: Bench) -> None:
    nothing: Any = None
    refused: dict[str, Callable[[], Any]] = {
        "conditioning_2": lambda: both(bench.cat, None),
        "conditioning_to": lambda: ConditioningAverage().addWeighted(nothing, bench.cat, 0.5),
        "conditioning_from": lambda: ConditioningConcat().concat(bench.cat, nothing),
        "conditioning": lambda: during(None, 0.0, 1.0),
        "mask": lambda: masked(bench.cat, None),
        "text": lambda: bench.text(None),
        "positive": lambda: bench.sampled(None),
    }
    for name, run in refused.items():
        with pytest.raises(ValueError, match=f"^{name}: "):
            run()
