"""`comfy.weight_adapter`."""

from __future__ import annotations

import torch

from services.executor.custom.modules.comfy_weight_adapter import WeightAdapterBase, adapter_maps, adapters

TENSORS = {"x.oft_blocks": torch.zeros(2, 2, 2), "x.alpha": torch.tensor(1.0), "y.diff": torch.zeros(4)}


def test_a_kind_finds_its_own() -> None:
    keys: set[str] = set()
    found = adapter_maps["OFT"].load("x", TENSORS, None, None, keys)
    assert isinstance(found, WeightAdapterBase)
    assert found.fits(torch.zeros(4, 3))
    assert keys == {"x.oft_blocks", "x.alpha"}
    assert [kind.name for kind in adapters if kind.load("x", TENSORS)] == ["oft"]
    assert all(kind.load("y", TENSORS) is None for kind in adapters)
