"""A model, a folder for control networks, and short runs under them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor import environment
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.conditioning import Conditioning
from services.executor.model_folders import ModelFolders
from services.executor.nodes.control_net_loaders import ControlNetLoader
from services.executor.nodes.control_nets import ControlNetApply, ControlNetApplyAdvanced
from services.executor.patching.control import ControlBase
from services.executor.patching.sampling import sample
from tests.executor.diffusion.control.nets import CONFIGURATIONS
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.patching.conftest import CHECKPOINTS, Loaded


@dataclass(frozen=True)
class Bench:
    """What the tests steer, and with what."""

    loaded: Loaded
    folder: Path

    def control_net(self, weights: Mapping[str, Tensor] | None = None, checkpoint: str = "sd15_small") -> ControlBase:
        """A network of these weights, made for the model of a checkpoint, or the recorded one."""
        name = "cn_small.safetensors"
        if weights is not None:
            name = "made.safetensors"
            configuration = {CONFIGURATION_KEY: json.dumps({"unet": CONFIGURATIONS[checkpoint]})}
            save_file(dict(weights), self.folder / name, configuration)
        return ControlNetLoader().load_controlnet(name)[0]

    def sampled(self, positive: Conditioning, negative: Conditioning, latent: Tensor | None = None) -> Tensor:
        """A latent after two steps."""
        latent = torch.zeros(1, 4, 16, 16) if latent is None else latent
        settings: dict[str, Any] = {"seed": 3, "steps": 2, "cfg": 5.0, "sampler": "euler", "scheduler": "normal"}
        return sample(self.loaded.model, positive, negative, latent, **settings)

    def prompts(self) -> tuple[Conditioning, Conditioning]:
        """A positive and a negative conditioning."""
        return self.loaded.conditioning("a red cat"), self.loaded.conditioning("blurry")

    def steered(self, control_net: Any, strength: float = 1.0, image: Tensor | None = None, **how: Any) -> Tensor:
        """A latent sampled under a control."""
        image = picture() if image is None else image
        both = advanced(*self.prompts(), control_net, image, strength, **how)
        return self.sampled(*both)


def picture(batch: int = 1) -> Tensor:
    """Pictures of noise."""
    return torch.rand(batch, 96, 128, 3, generator=torch.Generator().manual_seed(2))


def advanced(
    positive: Conditioning,
    negative: Conditioning,
    control_net: Any,
    image: Any = None,
    strength: float = 1.0,
    share: tuple[float, float] = (0.0, 1.0),
) -> tuple[Conditioning, Conditioning]:
    """Both under a control."""
    image = picture() if image is None else image
    return ControlNetApplyAdvanced().apply_controlnet(positive, negative, control_net, image, strength, *share)


def basic(conditioning: Conditioning, control_net: Any, image: Any = None, strength: float = 1.0) -> Conditioning:
    """One under a control."""
    image = picture() if image is None else image
    return ControlNetApply().apply_controlnet(conditioning, control_net, image, strength)[0]


def close(one: Tensor, other: Tensor) -> bool:
    """Whether latents are the same but for rounding."""
    return torch.allclose(one, other, rtol=0, atol=2e-4 * float(other.abs().max()))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "controlnet"
    folder.mkdir()
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path, GOLDEN / "models"))))
    models = CHECKPOINTS.get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    assert models.model
    assert models.clip
    assert models.vae
    with torch.inference_mode():
        yield Bench(Loaded(models.model, models.clip, models.vae), folder)
    environment.install(before)
