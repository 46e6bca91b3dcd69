"""All ways to steer the small model, from weights to conditionings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor.loaded_checkpoints import Models
from services.executor.nodes.control_nets import ControlNetApplyAdvanced
from services.executor.nodes.gligen import GLIGENTextBoxApply
from services.executor.patching.control import controlnet_of
from services.executor.patching.gligen import load_gligen
from services.executor.patching.sampling import sample
from tests.executor.diffusion.control.gligens import gligen_weights
from tests.executor.diffusion.control.nets import CONFIGURATIONS, control_lora_weights, recorded_weights
from tests.executor.diffusion.control.test_t2i_adapter import weights as adapter_weights

Apply = Callable[[Models, list[Any], list[Any], Path], tuple[Any, Any]]


def _steered(weights: dict[str, Tensor]) -> Apply:
    def apply(models: Models, positive: list[Any], negative: list[Any], folder: Path) -> tuple[Any, Any]:
        picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(2))
        control_net = controlnet_of(weights, CONFIGURATIONS["sd15_small"])
        return ControlNetApplyAdvanced().apply_controlnet(positive, negative, control_net, picture, 0.5, 0.0, 1.0)

    return apply


def _boxed(models: Models, positive: list[Any], negative: list[Any], folder: Path) -> tuple[Any, Any]:
    save_file(gligen_weights(), folder / "gligen.safetensors")
    gligen = load_gligen(folder / "gligen.safetensors")
    node = GLIGENTextBoxApply()
    return node.append(positive, models.clip, gligen, "a dog", width=64, height=48, x=0, y=0)[0], negative


WAYS: dict[str, Apply] = {
    "control network": _steered(recorded_weights()),
    "control lora": _steered({**control_lora_weights(), "lora_controlnet": torch.zeros(0)}),
    "adapter": _steered(adapter_weights("full")),
    "gligen": _boxed,
}


def sampled(models: Models, way: str, folder: Path) -> Tensor:
    """A latent of the small model after a step, steered; files are written to the folder."""
    assert models.model
    assert models.clip
    prompts = [models.clip.encode_from_tokens_scheduled(models.clip.tokenize(text)) for text in ("a cat", "blurry")]
    positive, negative = WAYS[way](models, prompts[0], prompts[1], folder)
    settings: dict[str, Any] = {"seed": 3, "steps": 1, "cfg": 2.0, "sampler": "euler", "scheduler": "normal"}
    return sample(models.model, positive, negative, torch.zeros(1, 4, 16, 16), **settings)
