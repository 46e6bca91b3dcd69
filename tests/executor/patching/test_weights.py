"""Weights and parts of a model in other versions, beside the originals."""

from __future__ import annotations

import copy

import pytest
import torch

from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded

WEIGHT = "diffusion_model.input_blocks.0.0.weight"


def test_weights_are_changed_beside_the_originals(loaded: Loaded) -> None:
    original = loaded.model.model_state_dict()[WEIGHT]
    diff = torch.ones_like(original, dtype=torch.float32)
    model = loaded.model.clone()
    assert model.add_patches({WEIGHT: (diff,), "nobody.knows": (diff,)}, 0.5) == [WEIGHT]
    model.add_patches({WEIGHT: ("diff", (diff,))}, 0.25, 2.0)
    patched = model.patched().state_dict()
    torch.testing.assert_close(patched[WEIGHT].float(), (original.float() + 0.5) * 2 + 0.25, rtol=1e-3, atol=1e-3)
    assert patched[WEIGHT].dtype == torch.float32, "in which it computes on CPUs"
    assert loaded.model.model_state_dict()[WEIGHT] is not patched[WEIGHT]
    plain = loaded.sampled(loaded.model)
    assert not torch.equal(loaded.sampled(model), plain)
    model.add_patches({WEIGHT: ("set", (original,))})
    assert torch.equal(loaded.sampled(model), plain)


def test_a_part_of_a_weight_can_be_changed(loaded: Loaded) -> None:
    original = loaded.model.model_state_dict()[WEIGHT].float()
    model = loaded.model.clone()
    model.add_patches({(WEIGHT, (0, 1, 2)): (torch.ones_like(original)[:2],)})
    difference = model.patched().state_dict()[WEIGHT].float() - original
    assert difference[1:3].mean().item() == pytest.approx(1.0, abs=1e-2)
    assert not difference[3:].any()
    assert not difference[0].any()


def test_a_model_merged_with_itself_stays_what_it_is(loaded: Loaded) -> None:
    other = loaded.model.clone()
    model = loaded.model.clone()
    for key, value in other.get_key_patches("diffusion_model.").items():
        model.add_patches({key: value}, 0.5, 0.5)
    plain = loaded.sampled(loaded.model)
    torch.testing.assert_close(loaded.sampled(model), plain, rtol=0, atol=1e-4 * float(plain.abs().max()))


def test_patches_of_unknown_kinds_are_named(loaded: Loaded) -> None:
    model = loaded.model.clone()
    model.add_patches({WEIGHT: ("lokr", (torch.ones(1),))})
    with pytest.raises(ValueError, match=r"input_blocks.0.0.weight is of the kind 'lokr'"):
        loaded.sampled(model)


def test_a_part_of_the_network_can_be_replaced(loaded: Loaded) -> None:
    model = loaded.model.clone()
    own = loaded.model.get_model_object("diffusion_model.middle_block.0.skip_connection")
    model.add_object_patch("diffusion_model.middle_block.0.skip_connection", torch.nn.Dropout(1.0))
    assert not torch.equal(loaded.sampled(model), loaded.sampled(loaded.model))
    assert loaded.model.get_model_object("diffusion_model.middle_block.0.skip_connection") is own


def test_a_module_of_a_pack_can_be_changed_as_well() -> None:
    patcher = ModelPatcher(torch.nn.Linear(2, 2), torch.device("cpu"), torch.device("cpu"), size=4)
    patcher.load()
    assert patcher.add_patches({"weight": (torch.ones(2, 2),)}) == ["weight"]
    x = torch.ones(1, 2)
    torch.testing.assert_close(patcher.patched()(x), patcher.model(x) + 2)


def test_a_deep_copy_can_be_changed_in_place(loaded: Loaded) -> None:
    plain = loaded.sampled(loaded.model)
    copied = copy.deepcopy(loaded.model)
    assert torch.equal(loaded.sampled(copied), plain)
    for module in copied.model.diffusion_model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
            module.padding_mode = "circular"  # pictures that can be laid side by side
            module._reversed_padding_repeated_twice = [1, 1, 1, 1]
    assert not torch.equal(loaded.sampled(copied), plain)
    assert torch.equal(loaded.sampled(loaded.model), plain)
