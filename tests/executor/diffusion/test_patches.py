"""The places where a UNet's work can be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.patches import (
    Attention,
    AttentionKind,
    BlockPlace,
    TransformerPlace,
    UNetPatches,
)
from tests.executor.diffusion.golden import GOLDEN, tensors

RECORDED = tensors("modules")
X, T, CONTEXT = (RECORDED[f"unet/sd15/0/{name}"] for name in ("x", "t", "context"))


@pytest.fixture(scope="module")
def model() -> LatentDiffusionModel:
    loaded = load_checkpoint(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").model
    assert loaded
    return loaded


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


class Noting(UNetPatches):
    """Changes nothing and writes down where it was."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def after_input_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        self.said.append(place)
        return hidden

    def after_middle_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        self.said.append(place)
        return hidden

    def before_output_block(self, place: BlockPlace, hidden: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        self.said.append(place)
        return hidden, skip

    def attention(
        self,
        kind: AttentionKind,
        place: TransformerPlace,
        default: Attention,
        query: Tensor,
        key: Tensor,
        value: Tensor,
    ) -> Tensor:
        self.said.append((kind, place))
        return default(query, key, value)


def test_every_place_is_passed_in_order_and_without_a_change(model: LatentDiffusionModel) -> None:
    patches = Noting()
    assert torch.equal(model.apply_model(X, T, CONTEXT, patches=patches), model.apply_model(X, T, CONTEXT))
    spec = model.unet.spec
    blocks = [place for place in patches.said if isinstance(place, BlockPlace)]
    assert blocks == [
        *(BlockPlace("input", number) for number in range(len(spec.input_blocks))),
        BlockPlace("middle", 0),
        *(BlockPlace("output", number) for number in range(len(spec.output_blocks))),
    ]
    attentions = [entry for entry in patches.said if isinstance(entry, tuple)]
    assert [kind for kind, _ in attentions] == ["attn1", "attn2"] * (len(attentions) // 2)
    transformers = [place.transformer for kind, place in attentions if kind == "attn1"]
    assert transformers == list(range(len(transformers)))


class Without(UNetPatches):
    """Leaves out what the middle block's attentions add."""

    def after_attention(self, kind: AttentionKind, place: TransformerPlace, mixed: Tensor) -> Tensor:
        return torch.zeros_like(mixed) if place.block.stage == "middle" else mixed


def test_a_change_at_a_place_changes_the_prediction(model: LatentDiffusionModel) -> None:
    assert not torch.equal(model.apply_model(X, T, CONTEXT, patches=Without()), model.apply_model(X, T, CONTEXT))
