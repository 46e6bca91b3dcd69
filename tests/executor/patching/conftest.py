"""A small real model, and short runs of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample
from services.executor.patching.vae import VAE
from tests.executor.diffusion.golden import GOLDEN

CHECKPOINTS = LoadedCheckpoints()


@dataclass(frozen=True)
class Loaded:
    """What the loader node gives."""

    model: ModelPatcher
    clip: CLIP
    vae: VAE

    def conditioning(self, text: str) -> list[list[Any]]:
        """A prompt as conditioning."""
        return self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text))

    def sampled(self, model: ModelPatcher, **how: Any) -> Tensor:
        """A latent of the model, after two steps."""
        settings: dict[str, Any] = {"seed": 3, "steps": 2, "cfg": 5.0, "sampler": "euler", "scheduler": "normal"}
        settings |= {"positive": self.conditioning("a red cat"), "negative": self.conditioning("blurry")}
        return sample(model, **{"latent": torch.zeros(1, 4, 16, 16), **settings, **how})


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    models = CHECKPOINTS.get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    assert models.model
    assert models.clip
    assert models.vae
    with torch.inference_mode():
        yield Loaded(models.model, models.clip, models.vae)
