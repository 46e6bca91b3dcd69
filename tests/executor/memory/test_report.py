"""What is told of memory is what is so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from services.executor.memory.report import memory_use
from tests.executor.memory.test_planner import LAYER, network, planner_with


@pytest.fixture
def mapped(tmp_path: Path) -> nn.Module:
    """A network whose weights are pages of a file."""
    path = tmp_path / "weights.safetensors"
    save_file(network().state_dict(), path)
    with torch.device("meta"):
        made = network()
    made.load_state_dict(load_file(path), assign=True)
    return made.requires_grad_(False)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what is mapped")
def test_weights_are_counted_where_they_are(mapped: nn.Module) -> None:
    planner = planner_with(9)
    made_here = network()
    planner.use([mapped])
    use = memory_use(planner)
    assert (use.models_loaded, use.device_bytes, use.host_bytes, use.mapped_bytes) == (1, 4 * LAYER, 0, 4 * LAYER)
    planner.use([made_here])
    use = memory_use(planner)
    assert (use.models_loaded, use.device_bytes) == (2, 8 * LAYER)
    assert (use.host_bytes, use.mapped_bytes) == (4 * LAYER, 4 * LAYER)
    planner.unload()
    use = memory_use(planner)
    assert (use.models_loaded, use.device_bytes, use.host_bytes, use.mapped_bytes) == (0, 0, 4 * LAYER, 4 * LAYER)


def test_what_happened_is_counted() -> None:
    planner = planner_with(9)
    models = [network(), network(), network()]
    for model in models:
        planner.use([model])
    planner.counters.steps["tile"] += 1
    use = memory_use(planner)
    assert (use.budget, use.loads, use.evictions, use.steps) == (9 * LAYER, 3, 1, {"tile": 1})
    assert use.load_seconds > 0
