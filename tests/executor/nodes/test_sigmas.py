"""Nodes of noise levels, against what was recorded."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from services.executor.nodes.published_schedules import AlignYourStepsScheduler, OptimalStepsScheduler
from services.executor.nodes.sigma_arithmetic import (
    ExtendIntermediateSigmas,
    FlipSigmas,
    ManualSigmas,
    SetFirstSigma,
    SplitSigmas,
    SplitSigmasDenoise,
)
from services.executor.nodes.sigma_schedules import (
    ExponentialScheduler,
    KarrasScheduler,
    LaplaceScheduler,
    LTXVScheduler,
    PolyexponentialScheduler,
    VPScheduler,
)
from tests.executor.diffusion.golden import numbers, table

TOLERANCE = 2e-6
NODES: dict[str, Any] = {
    node.__name__: node
    for node in (
        AlignYourStepsScheduler,
        ExponentialScheduler,
        ExtendIntermediateSigmas,
        FlipSigmas,
        KarrasScheduler,
        LaplaceScheduler,
        OptimalStepsScheduler,
        PolyexponentialScheduler,
        SetFirstSigma,
        SplitSigmas,
        SplitSigmasDenoise,
        VPScheduler,
    )
}
LEVELS = torch.tensor([4.0, 2.0, 1.0, 0.0])


@pytest.mark.parametrize("name", NODES)
def test_levels_equal_the_recorded_ones(name: str) -> None:
    cases = [case for case in table("schedules")["nodes"] if case["node"] == name]
    assert cases
    for case in cases:
        arguments = {key: numbers(value) if key == "sigmas" else value for key, value in case["args"].items()}
        found = getattr(NODES[name](), NODES[name].FUNCTION)(**arguments)
        for sigmas, expected in zip(found, case["outputs"], strict=True):
            torch.testing.assert_close(sigmas, numbers(expected), rtol=TOLERANCE, atol=1e-7, msg=str(case))


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("1, 0.5", [1.0, 0.5]),
        ("[14.6 7;.25\n0.]", [14.6, 7.0, 0.25, 0.0]),
        ("1e1, -2.5E-1", [10.0, -0.25]),
        ("none", []),
    ],
)
def test_levels_are_read_from_a_text(text: str, levels: list[float]) -> None:
    torch.testing.assert_close(ManualSigmas().execute(text)[0], torch.tensor(levels))


def test_parts_share_the_level_where_they_meet() -> None:
    high, low = SplitSigmas().get_sigmas(LEVELS, 1)
    assert (high.tolist(), low.tolist()) == ([4, 2], [2, 1, 0])
    high, low = SplitSigmas().get_sigmas(LEVELS, 9)
    assert (high.tolist(), low.tolist()) == ([4, 2, 1, 0], [])


@pytest.mark.parametrize(
    ("denoise", "parts"),
    [(1.0, ([4], [4, 2, 1, 0])), (0.34, ([4, 2, 1], [1, 0])), (0.0, ([], [0]))],
)
def test_a_share_of_the_steps_makes_the_second_part(denoise: float, parts: tuple[list[float], list[float]]) -> None:
    high, low = SplitSigmasDenoise().get_sigmas(LEVELS, denoise)
    assert (high.tolist(), low.tolist()) == parts


def test_no_levels_stay_none() -> None:
    none = torch.empty(0)
    assert FlipSigmas().get_sigmas(none)[0].tolist() == []
    assert SetFirstSigma().set_first_sigma(none, 3.0)[0].tolist() == []
    assert ExtendIntermediateSigmas().extend(none, 2, -1.0, 0.0, "linear")[0].tolist() == []
    assert [part.tolist() for part in SplitSigmasDenoise().get_sigmas(none, 0.5)] == [[], []]


def test_given_levels_stay_as_they_are() -> None:
    SetFirstSigma().set_first_sigma(LEVELS, 9.0)
    FlipSigmas().get_sigmas(LEVELS)
    assert LEVELS.tolist() == [4, 2, 1, 0]


def test_only_steps_in_the_range_are_divided() -> None:
    (extended,) = ExtendIntermediateSigmas().extend(LEVELS, 2, 3.0, 2.0, "linear")
    assert extended.tolist() == [4, 2, 1.5, 1, 0]


def test_levels_without_a_logarithm_or_a_root_are_named() -> None:
    with pytest.raises(ValueError, match="^sigma_min: must be above zero"):
        ExponentialScheduler().get_sigmas(5, 10.0, 0.0)
    with pytest.raises(ValueError, match="^sigma_max: must be above zero"):
        PolyexponentialScheduler().get_sigmas(5, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="^rho: must be above zero"):
        KarrasScheduler().get_sigmas(5, 10.0, 0.1, 0.0)
    with pytest.raises(ValueError, match="^rho: 0.01 is too low"):
        KarrasScheduler().get_sigmas(5, 5000.0, 0.1, 0.01)


def test_unknown_choices_are_named() -> None:
    with pytest.raises(ValueError, match="^spacing: 'random'"):
        ExtendIntermediateSigmas().extend(LEVELS, 2, -1.0, 0.0, "random")
    with pytest.raises(ValueError, match="^model_type: 'FLUX'"):
        AlignYourStepsScheduler().execute("FLUX", 10, 1.0)


def ltxv(steps: int = 4, stretch: bool = True, cells: int | None = None, max_shift: float = 2.05) -> list[float]:
    latent = None if cells is None else {"samples": torch.zeros(1, 128, 1, cells // 64, 64)}
    (sigmas,) = LTXVScheduler().execute(steps, max_shift, 0.95, stretch, 0.1, latent)
    assert sigmas.dtype == torch.float32
    found: list[float] = sigmas.tolist()
    return found


def test_levels_of_a_large_video_are_higher_than_those_of_a_small_one() -> None:
    shifted = [math.exp(2.05) / (math.exp(2.05) + 1 / time - 1) for time in (1, 0.75, 0.5, 0.25)]
    assert ltxv(stretch=False) == pytest.approx([*shifted, 0])
    assert ltxv(stretch=False, cells=4096) == ltxv(stretch=False)
    small = [math.exp(0.95) / (math.exp(0.95) + 1 / time - 1) for time in (1, 0.75, 0.5, 0.25)]
    assert ltxv(stretch=False, cells=1024) == pytest.approx([*small, 0])


def test_stretched_levels_end_where_they_are_to_end() -> None:
    plain, stretched = ltxv(stretch=False), ltxv()
    assert stretched[0] == 1 and stretched[-2] == pytest.approx(0.1) and stretched[-1] == 0
    factor = 0.9 / (1 - plain[-2])
    assert stretched[1:-1] == pytest.approx([1 - (1 - level) * factor for level in plain[1:-1]])
    assert ltxv(steps=1) == [1, 0]


def test_a_shift_beyond_numbers_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="^max_shift, base_shift: "):
        ltxv(max_shift=100.0, cells=10**6)
