"""What is between two models, kept as a LoRA and applied again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from services.executor.diffusion.adapters.extraction import low_rank
from services.executor.nodes.lora_loaders import LoraLoader
from services.executor.nodes.merging.encoders import CLIPMergeSubtract
from services.executor.nodes.merging.extraction import LoraSave
from services.executor.nodes.merging.models import ModelMergeSubtract
from tests.executor.nodes.conftest import Surroundings
from tests.executor.patching.conftest import Loaded


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 3)])
@pytest.mark.parametrize("rank", [1, 3, 100])
def test_matrices_are_the_best_of_their_rank(shape: tuple[int, ...], rank: int) -> None:
    torch.manual_seed(1)
    change = torch.randn(shape)
    up, down = low_rank(change, rank)
    assert up.dim() == down.dim() == len(shape)
    left = torch.linalg.svdvals(change.flatten(1))[rank:]
    missed = change.flatten(1) - up.flatten(1) @ down.flatten(1)
    torch.testing.assert_close(missed.norm(), left.norm(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lora_type", ["standard", "full_diff"])
def test_a_lora_of_full_rank_gives_the_other_model(
    first: Loaded, second: Loaded, folder: Path, surroundings: Surroundings, lora_type: str
) -> None:
    (model_diff,) = ModelMergeSubtract().merge(second.model, first.model, 1.0)
    (clip_diff,) = CLIPMergeSubtract().merge(second.clip, first.clip, 1.0)
    LoraSave().save("loras/mine", 4096, lora_type, True, model_diff, clip_diff)
    model, clip = LoraLoader().load_lora(first.model, first.clip, "mine_00001_.safetensors", 1.0, 1.0)
    for changed, other in ((model, second.model), (clip.patcher, second.clip.patcher)):
        expected = other.patched().state_dict()
        for key, weight in changed.patched().state_dict().items():
            torch.testing.assert_close(weight.float(), expected[key].float(), atol=2e-3, rtol=2e-3)


def test_vectors_may_be_left_out(first: Loaded, second: Loaded, folder: Path, surroundings: Surroundings) -> None:
    (difference,) = ModelMergeSubtract().merge(second.model, first.model, 1.0)
    LoraSave().save("loras/mine", 2, "standard", False, difference)
    tensors = load_file(folder / "loras" / "mine_00001_.safetensors")
    assert {key.rpartition("lora_")[2] for key in tensors} == {"up.weight", "down.weight"}
    assert tensors["diffusion_model.middle_block.1.proj_in.lora_up.weight"].shape[1] == 2


def bad(models: Loaded, **changed: Any) -> dict[str, Any]:
    return {"filename_prefix": "x", "rank": 1, "lora_type": "standard", "bias_diff": True, **changed}


def test_what_cannot_be_kept_is_named(first: Loaded, surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="^model_diff, text_encoder_diff: neither has changes"):
        LoraSave().save(**bad(first, model_diff=first.model))
    with pytest.raises(ValueError, match="^lora_type: 'x' is not one of"):
        LoraSave().save(**bad(first, lora_type="x"))
    broken = first.model.clone()
    key = "diffusion_model.middle_block.1.proj_in.weight"
    broken.add_patches({key: (torch.full_like(first.model.model_state_dict()[key], torch.nan),)})
    with pytest.raises(ValueError, match=f"^{key}: the difference holds what is no number"):
        LoraSave().save(**bad(first, model_diff=broken))
