"""Text encoders made of two."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.merging.encoders import CLIPMergeAdd, CLIPMergeSimple, CLIPMergeSubtract
from services.executor.patching.clip import CLIP
from tests.executor.patching.conftest import Loaded


def assert_mixed(clip: CLIP, one: Loaded, other: Loaded, first: float, second: float) -> None:
    ones, others = one.clip.get_sd(), other.clip.get_sd()
    for key, weight in clip.get_sd().items():
        expected = ones[key].float() * first + others[key].float() * second
        torch.testing.assert_close(weight.float(), expected, atol=1e-6, rtol=1e-5)


def test_encoders_are_averaged_subtracted_and_added(first: Loaded, second: Loaded) -> None:
    assert_mixed(CLIPMergeSimple().merge(first.clip, second.clip, 0.75)[0], first, second, 0.75, 0.25)
    (difference,) = CLIPMergeSubtract().merge(second.clip, first.clip, 0.5)
    assert_mixed(difference, first, second, -0.5, 0.5)
    assert_mixed(CLIPMergeAdd().merge(first.clip, difference)[0], first, second, 0.5, 0.5)


def test_an_encoder_that_is_missing_is_named(first: Loaded) -> None:
    with pytest.raises(ValueError, match="^clip2: "):
        CLIPMergeSimple().merge(first.clip, None, 0.5)
