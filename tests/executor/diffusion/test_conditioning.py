from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.conditioning import Condition, Conditioning, Region
from services.executor.patching.conds import condition_of, convert_cond, process_conds
from tests.executor.diffusion.golden import MODEL_SAMPLINGS
from tests.executor.diffusion.toy import conditioning, toy_model

LATENT = torch.zeros(1, 4, 32, 64)


def resolved(*sides: Conditioning) -> list[list[Condition]]:
    model = toy_model(MODEL_SAMPLINGS["sd15_eps"])
    conds = {str(place): convert_cond(side) for place, side in enumerate(sides)}
    processed = process_conds(model, LATENT, conds, LATENT.device)
    return [[condition_of(cond, LATENT) for cond in side] for side in processed.values()]


def prepared(**options: Any) -> Condition:
    (condition,), _ = resolved(conditioning(1.0, **options), conditioning(0.0))
    return condition


def weight_of(condition: Condition) -> Tensor:
    assert isinstance(condition.weight, Tensor)
    return condition.weight[0, 0]


def test_a_plain_condition_acts_everywhere_with_weight_one() -> None:
    condition = prepared()
    assert condition.is_whole
    assert condition.weight == 1.0
    assert condition.applies_at(14.6)
    assert condition.applies_at(0.0)


def test_an_area_in_cells_is_clipped_to_the_latent() -> None:
    assert prepared(area=(16, 100, 4, 32)).region == Region(height=16, width=32, top=4, left=32)


def test_an_area_in_shares_is_rounded_to_cells() -> None:
    assert prepared(area=("percentage", 0.5, 0.25, 0.5, 0.75)).region == Region(height=16, width=16, top=16, left=48)


def test_an_areas_weight_fades_towards_edges_inside_the_picture() -> None:
    weight = weight_of(prepared(area=(32, 32, 0, 32), strength=0.5))
    assert weight.shape == (32, 32)
    assert weight[0].tolist() == pytest.approx([0.5 * step / 8 for step in range(1, 9)] + [0.5] * 24)
    assert torch.equal(weight[0], weight[-1])


def test_a_small_area_fades_over_a_quarter_of_its_side() -> None:
    weight = weight_of(prepared(area=(32, 8, 0, 16)))
    assert weight[0].tolist() == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.5])


def test_a_mask_is_resized_to_the_latent_and_weighs_by_its_strength() -> None:
    mask = torch.zeros(1, 256, 512)
    mask[:, :, 256:] = 1.0
    condition = prepared(mask=mask, mask_strength=0.5, strength=0.5)
    assert condition.region is None
    weight = weight_of(condition)
    assert weight.shape == (32, 64)
    assert not weight[:, :31].any()
    assert weight[:, 33:].eq(0.25).all()


def test_a_mask_can_bound_the_area() -> None:
    mask = torch.zeros(1, 32, 64)
    mask[:, 10:20, 40:60] = 1.0
    assert prepared(mask=mask, set_area_to_bounds=True).region == Region(height=10, width=20, top=10, left=40)
    assert prepared(mask=torch.zeros(1, 32, 64), set_area_to_bounds=True).region == Region(8, 8, 0, 0)


def test_a_range_of_sampling_becomes_noise_levels() -> None:
    condition = prepared(start_percent=0.25, end_percent=0.75)
    assert not condition.applies_at(5.0)
    assert condition.applies_at(1.0)
    assert not condition.applies_at(0.5)


def test_the_other_side_gets_a_partner_over_the_same_area() -> None:
    positives, negatives = resolved(
        conditioning(1.0, area=(16, 16, 8, 8)),
        [*conditioning(2.0), *conditioning(3.0, area=(24, 24, 4, 4))],
    )
    partner = negatives[-1]
    assert partner.region == Region(16, 16, 8, 8)
    assert partner.context.flatten().tolist() == [3.0]
    assert [one.region for one in positives] == [Region(16, 16, 8, 8)]


def test_an_area_outside_every_other_has_no_partner() -> None:
    _, negatives = resolved(conditioning(1.0, area=(16, 16, 8, 8)), conditioning(3.0, area=(8, 8, 0, 0)))
    assert len(negatives) == 1
