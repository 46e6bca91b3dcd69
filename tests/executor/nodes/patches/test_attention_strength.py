"""Attention within the frames of a video and between them; that of pictures is in the recorded workflows."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.patches.attention_strength import UNetTemporalAttentionMultiply
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

SAME = {"self_structural": 1.0, "self_temporal": 1.0, "cross_structural": 1.0, "cross_temporal": 1.0}


class Block(torch.nn.Module):
    """The results of both attentions of a block."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("attn1", "attn2"):
            self.add_module(name, torch.nn.ModuleDict({"to_out": torch.nn.Sequential(torch.nn.Linear(2, 2))}))


class VideoModel(torch.nn.Module):
    """Named as networks of videos are."""

    def __init__(self) -> None:
        super().__init__()
        self.diffusion_model = torch.nn.ModuleDict({"transformer_blocks": Block(), "time_stack": Block()})


def test_each_kind_of_attention_has_its_factor() -> None:
    patcher = ModelPatcher(VideoModel())
    factors = {"self_structural": 2.0, "self_temporal": 3.0, "cross_structural": 4.0, "cross_temporal": 5.0}
    (patched,) = UNetTemporalAttentionMultiply().patch(patcher, **factors)
    before, after = patcher.model.state_dict(), patched.patched().state_dict()
    kinds = {
        "transformer_blocks.attn1": 2.0,
        "time_stack.attn1": 3.0,
        "transformer_blocks.attn2": 4.0,
        "time_stack.attn2": 5.0,
    }
    for kind, factor in kinds.items():
        for part in ("weight", "bias"):
            key = f"diffusion_model.{kind}.to_out.0.{part}"
            torch.testing.assert_close(after[key], before[key] * factor)


def test_a_network_of_pictures_has_no_frames(loaded: Loaded) -> None:
    (temporal,) = UNetTemporalAttentionMultiply().patch(loaded.model, **{**SAME, "self_temporal": 9.0})
    torch.testing.assert_close(loaded.sampled(temporal), loaded.sampled(loaded.model))
    (structural,) = UNetTemporalAttentionMultiply().patch(loaded.model, **{**SAME, "self_structural": 9.0})
    assert not torch.allclose(loaded.sampled(structural), loaded.sampled(loaded.model))
    with pytest.raises(ValueError, match="^model: "):
        UNetTemporalAttentionMultiply().patch(None, **SAME)
