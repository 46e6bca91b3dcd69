"""The attention of text encoders made stronger and weaker."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.clip_attention import CLIPAttentionMultiply
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

SAME = {"q": 1.0, "k": 1.0, "v": 1.0, "out": 1.0}


def test_weights_and_biases_of_a_part_are_multiplied(loaded: Loaded) -> None:
    (clip,) = CLIPAttentionMultiply().patch(loaded.clip, **{**SAME, "q": 2.0, "out": 0.5})
    before, after = loaded.clip.cond_stage_model.state_dict(), clip.get_sd()
    factors = {".self_attn.q_proj.": 2.0, ".self_attn.out_proj.": 0.5}
    changed = dict.fromkeys(factors, 0)
    for key, weight in before.items():
        part = next((part for part in factors if part in key), None)
        torch.testing.assert_close(after[key].float(), weight.float() * (factors[part] if part else 1.0))
        if part:
            changed[part] += 1
    assert set(changed.values()) == {8}, "a weight and a bias in each of four layers"


def test_factors_of_one_change_nothing(loaded: Loaded) -> None:
    (clip,) = CLIPAttentionMultiply().patch(loaded.clip, **SAME)
    tokens = loaded.clip.tokenize("a red cat")
    torch.testing.assert_close(clip.encode_from_tokens(tokens), loaded.clip.encode_from_tokens(tokens))


def test_a_missing_encoder_is_named() -> None:
    with pytest.raises(ValueError, match="^clip: "):
        CLIPAttentionMultiply().patch(None, **SAME)
