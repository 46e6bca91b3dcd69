"""The node that applies a hypernetwork to a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.errors import NotFound
from services.executor import environment
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.model_folders import ModelFolders
from services.executor.nodes.hypernetworks import HypernetworkLoader
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.patching.conftest import Loaded, loaded

__all__ = ["loaded"]

STRENGTH = 0.6
#: Widths of tokens in the small model: of the text, and of features.
WIDTHS = (24, 32, 64)


def linear(width: int, seed: int) -> Tensor:
    return torch.randn(width, width, generator=torch.Generator().manual_seed(seed)).div(width**0.5)


def weights_of(matrix: Tensor) -> dict[str, Tensor]:
    return {"linear.0.weight": matrix, "linear.0.bias": torch.zeros(len(matrix))}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "hypernetworks"
    folder.mkdir()
    content: dict[Any, Any] = {"activation_func": "linear"}
    content |= {width: (weights_of(linear(width, 1)), weights_of(linear(width, 2))) for width in WIDTHS}
    torch.save(content, folder / "net.pt")
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path,))))
    yield folder
    environment.install(before)


def with_changed_projections(model: ModelPatcher) -> ModelPatcher:
    """What linear networks come to: W (x + s A x) is (W + s W A) x."""
    changed = model.clone()
    for key, weight in model.model_state_dict("diffusion_model.").items():
        for name, seed in ((".to_k.weight", 1), (".to_v.weight", 2)):
            if key.endswith(name):
                change = weight.float() @ linear(weight.shape[1], seed)
                changed.add_patches({key: ("diff", (change,))}, STRENGTH)
    return changed


def test_linear_networks_are_as_if_the_projections_were_changed(loaded: Loaded) -> None:
    (changed,) = HypernetworkLoader().load_hypernetwork(loaded.model, "net.pt", STRENGTH)
    one, other, plain = (
        loaded.sampled(model) for model in (changed, with_changed_projections(loaded.model), loaded.model)
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3 * float(plain.abs().max()))
    assert float((one - plain).abs().max()) > 0.05 * float(plain.abs().max())


def test_a_strength_of_zero_changes_nothing_and_two_hypernetworks_follow_one_another(loaded: Loaded) -> None:
    (nothing,) = HypernetworkLoader().load_hypernetwork(loaded.model, "net.pt", 0.0)
    assert torch.equal(loaded.sampled(nothing), loaded.sampled(loaded.model))
    (once,) = HypernetworkLoader().load_hypernetwork(loaded.model, "net.pt", STRENGTH)
    (and_back,) = HypernetworkLoader().load_hypernetwork(once, "net.pt", STRENGTH)
    assert not torch.equal(loaded.sampled(and_back), loaded.sampled(once))


def test_networks_for_another_family_change_nothing_and_the_log_says_so(
    folder: Path, loaded: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    HypernetworkLoader().load_hypernetwork(loaded.model, "net.pt", 1.0)
    assert not caplog.records
    other = {40: (weights_of(linear(40, 1)), weights_of(linear(40, 2)))}
    torch.save(other, folder / "other.pt")
    (changed,) = HypernetworkLoader().load_hypernetwork(loaded.model, "other.pt", 1.0)
    assert "other.pt: it has networks for tokens of width [40], which the model has not" in caplog.text
    assert torch.equal(loaded.sampled(changed), loaded.sampled(loaded.model))


def test_a_file_that_is_none_or_not_there_is_refused_by_name(folder: Path, loaded: Loaded) -> None:
    (folder / "page.pt").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(CheckpointError, match=r"page\.pt is not a hypernetwork"):
        HypernetworkLoader().load_hypernetwork(loaded.model, "page.pt", 1.0)
    with pytest.raises(NotFound, match=r"gone\.pt"):
        HypernetworkLoader().load_hypernetwork(loaded.model, "gone.pt", 1.0)


def test_a_missing_model_is_said_to_be_missing() -> None:
    with pytest.raises(ValueError, match="model"):
        HypernetworkLoader().load_hypernetwork(None, "net.pt", 1.0)
