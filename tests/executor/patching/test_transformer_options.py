"""Functions of nodes inside the network, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded

ATTENTIONS = ("attn1", "attn2")


def test_attention_functions_are_told_where_they_are(loaded: Loaded) -> None:
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ATTENTIONS}
    model = loaded.model.clone()

    def note(kind: str) -> Any:
        def patch(n: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
            seen[kind].append(options | {"shapes": (tuple(n.shape), tuple(key.shape))})
            return n, key, value

        return patch

    model.set_model_attn1_patch(note("attn1"))
    model.set_model_attn2_patch(note("attn2"))
    loaded.sampled(model, steps=1)
    first, last = seen["attn1"][0], seen["attn1"][-1]
    assert first["block"][0] == "input"
    assert last["block"][0] == "output"
    assert ("middle", 0) in [options["block"] for options in seen["attn1"]]
    assert [options["transformer_index"] for options in seen["attn1"]] == list(range(len(seen["attn1"])))
    for options in (*seen["attn1"], *seen["attn2"]):
        (batch, tokens, channels), (_, key_tokens, _) = options["shapes"]
        height, width = options["activations_shape"][2:]
        assert options["n_heads"] * options["dim_head"] == channels
        assert height * width == tokens
        assert options["original_shape"] == [2, 4, 16, 16]
        assert options["cond_or_uncond"] == [1, 0]
        assert batch == 2
        assert options["sigmas"].shape == (1,)
        assert options["sample_sigmas"].shape == (2,)
        assert options["block_index"] == 0
    assert {options["shapes"][1][1] for options in seen["attn2"]} == {77}


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_an_attention_can_be_replaced_in_one_block(loaded: Loaded, kind: str) -> None:
    blocks: list[tuple[str, int]] = []

    def nothing(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
        blocks.append(options["block"])
        return torch.zeros_like(query)

    plain = loaded.sampled(loaded.model)
    for index in (None, 0):
        model = loaded.model.clone()
        model.set_model_patch_replace(nothing, kind, "middle", 0, index)
        assert not torch.equal(loaded.sampled(model), plain)
    assert set(blocks) == {("middle", 0)}
    model = loaded.model.clone()
    model.set_model_patch_replace(nothing, kind, "middle", 0, 7)  # there is no such transformer
    assert torch.equal(loaded.sampled(model), plain)


def test_blocks_can_be_changed_before_and_after_they_are_kept_for_their_partners(loaded: Loaded) -> None:
    def skips(model: ModelPatcher) -> list[Tensor]:
        found: list[Tensor] = []

        def see(hidden: Tensor, skip: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
            assert options["block"][0] == "output"
            found.append(skip)
            return hidden, skip

        model.set_model_output_block_patch(see)
        loaded.sampled(model, steps=1)
        return found

    def zero_first(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        return torch.zeros_like(hidden) if options["block"] == ("input", 0) else hidden

    before, after = loaded.model.clone(), loaded.model.clone()
    before.set_model_input_block_patch(zero_first)
    after.set_model_input_block_patch_after_skip(zero_first)
    assert not skips(before)[-1].any()
    assert skips(after)[-1].any()


def test_every_attention_can_be_overridden(loaded: Loaded) -> None:
    heads: list[int] = []

    def override(attention: Any, *args: Any, **kwargs: Any) -> Tensor:
        heads.append(args[3])
        assert kwargs["mask"] is None
        assert kwargs["transformer_options"]["n_heads"] == args[3]
        mixed: Tensor = attention(*args, **kwargs)
        return mixed

    model = loaded.model.clone()
    model.model_options["transformer_options"]["optimized_attention_override"] = override
    assert torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))
    assert heads
