"""Merged queries in a model; the pictures that they make are in the recorded workflows."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.patches.hypertile import HyperTile
from services.executor.nodes.patches.merged_tokens import MergedQueries, TomePatchModel
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]


def test_no_ratio_changes_nothing(loaded: Loaded) -> None:
    (model,) = TomePatchModel().patch(loaded.model, 0.0)
    assert torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))


@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (1, 4, 1, 16), (2, 4, 5, 7)])
def test_odd_latents_are_sampled(loaded: Loaded, shape: tuple[int, ...]) -> None:
    (model,) = TomePatchModel().patch(loaded.model, 1.0)
    (model,) = HyperTile().patch(model, 1, 128, 10, True)
    assert loaded.sampled(model, latent=torch.zeros(shape)).isfinite().all()


def test_small_features_are_left_alone() -> None:
    merging = MergedQueries(0.5)
    query = torch.randn(1, 16, 3)
    options = {"original_shape": [1, 4, 8, 8]}
    assert merging.merge(query, query, query, options)[0] is query
    assert merging.unmerge(query, options) is query


def test_a_model_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="^model: "):
        TomePatchModel().patch(None, 0.3)
    with pytest.raises(ValueError, match="^model: "):
        HyperTile().patch(None, 256, 2, 0, False)
