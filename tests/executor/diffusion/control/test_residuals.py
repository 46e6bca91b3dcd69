"""What is added to the features of a UNet, block by block."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.control.residuals import Residuals, controlled
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.patches import BlockPlace, Stage, UNetPatches
from tests.executor.diffusion.golden import GOLDEN

FEATURES = torch.zeros(2, 3, 4, 4)


def unet() -> UNet:
    model = load_checkpoint(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").model
    assert model is not None
    return model.unet


@pytest.mark.parametrize(
    ("number", "added"), [(0, 3.0), (1, 0.0), (2, 1.0), (3, 0.0)], ids=["last", "None", "first", "beyond"]
)
def test_the_last_of_a_list_belongs_to_the_first_block(number: int, added: float) -> None:
    residuals: Residuals = {"output": [torch.ones(1, 3, 4, 4), None, torch.full((1, 3, 4, 4), 3.0)]}
    assert (controlled(FEATURES, residuals, BlockPlace("output", number)) == added).all()
    assert controlled(FEATURES, residuals, BlockPlace("input", number)) is FEATURES


def test_what_does_not_fit_is_said_with_both_sizes() -> None:
    with pytest.raises(ValueError, match="control_net: .* middle block 0 is of 5 channels of 4x4, .*3 channels of 4x4"):
        controlled(FEATURES, {"middle": [torch.ones(1, 5, 4, 4)]}, BlockPlace("middle", 0))


class Noting(UNetPatches):
    """Notes the features at every place."""

    def __init__(self) -> None:
        self.seen: dict[tuple[Stage, int], Tensor] = {}

    def after_input_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        self.seen["input", place.number] = hidden
        return hidden

    def after_middle_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        self.seen["middle", 0] = hidden
        return hidden

    def before_output_block(self, place: BlockPlace, hidden: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        self.seen["output", place.number] = skip
        return hidden, skip


@pytest.mark.parametrize("stage", ["input", "middle", "output"])
def test_functions_at_a_place_see_what_was_added_there(stage: Stage) -> None:
    x, context, timesteps = torch.ones(1, 4, 16, 16), torch.ones(1, 77, 24), torch.tensor([5.0])
    plain, control = Noting(), Noting()
    with torch.inference_mode():
        unet()(x, timesteps, context, patches=plain)
        residual = torch.ones_like(plain.seen[stage, 0])
        unet()(x, timesteps, context, patches=control, control={stage: [residual]})
    torch.testing.assert_close(control.seen[stage, 0], plain.seen[stage, 0] + 1)
    if stage == "output":  # only the output block's side is changed
        assert torch.equal(control.seen["input", 11], plain.seen["input", 11])
