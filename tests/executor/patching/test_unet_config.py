from __future__ import annotations

import json

import pytest

from services.executor.diffusion.checkpoints.unet_structure import unet_spec
from services.executor.patching.unet_config import unet_config
from tests.executor.diffusion.families.published import STRUCTURES, shapes_of
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.patching.conftest import CHECKPOINTS

RECORDED = json.loads((GOLDEN / "models" / "configs.json").read_text())

#: What their makers published, in the form that lists depths block by block.
PUBLISHED = {
    "sd15": ([1, 1, 1, 1, 1, 1, 0, 0], 1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
    "sdxl": ([0, 0, 2, 2, 10, 10], 10, [0, 0, 0, 2, 2, 2, 10, 10, 10]),
    "sdxl-refiner": ([0, 0, 4, 4, 4, 4, 0, 0], 4, [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0]),
    "ssd-1b": ([0, 0, 2, 2, 4, 4], -1, [0, 0, 0, 1, 1, 2, 10, 4, 4]),
    "koala-700m": ([0, 2, 5], -2, [0, 0, 2, 2, 5, 5]),
}


@pytest.mark.parametrize("name", ["sd15_small", "sdxl_small"])
def test_the_structure_reads_as_recorded(name: str) -> None:
    model = CHECKPOINTS.get(GOLDEN / "models" / "checkpoints" / f"{name}.safetensors").model
    assert model is not None
    assert model.model.model_config.unet_config == RECORDED[name]["unet"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_depths_of_published_networks_read_as_published(name: str) -> None:
    config = unet_config(unet_spec(shapes_of(STRUCTURES[name]), {}))
    down, middle, up = PUBLISHED[name]
    assert config["transformer_depth"] == down
    assert config["transformer_depth_middle"] == middle
    assert config["transformer_depth_output"] == up
    assert config["num_head_channels"] == (-1 if name == "sd15" else 64)
    assert config["model_channels"] == (384 if name == "sdxl-refiner" else 320)
