"""The training loop all stages share: warm-up and cosine decay, an average of the weights, resumable."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

WARM_UP = 150  # steps
CLIP_NORM = 1.0
FINAL_RATE = 0.01  # of the peak learning rate


@dataclass(frozen=True)
class Plan:
    """How long and how fast one stage learns."""

    name: str
    steps: int
    rate: float
    average: float = 0.999
    """Decay of the average of the weights, which is what the stage hands on."""
    save_every: int = 200  # steps


def run(plan: Plan, model: nn.Module, loss: Callable[[torch.Generator], Tensor], folder: Path, seed: int) -> None:
    """Train `model` by `loss` and leave the averaged weights in it; goes on from `folder` where it was cut off."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    averages = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    generator = torch.Generator().manual_seed(seed)
    path = folder / f"{plan.name}.state.pt"
    state = _State(parameters, averages, optimizer, generator, path)
    first = state.load()
    running = None
    with tqdm(range(first, plan.steps), initial=first, total=plan.steps, desc=plan.name, mininterval=10) as bar:
        for step in bar:
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * _share(step, plan.steps)
            # The fused kernel's backward pass in bfloat16 is several times slower than plain matrix products.
            with sdpa_kernel([SDPBackend.MATH]):
                value = loss(generator)
                optimizer.zero_grad()
                torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            optimizer.step()
            decay = min(plan.average, (step + 1) / (step + 10))
            torch._foreach_lerp_(averages, [p.detach() for p in parameters], 1 - decay)
            running = value.item() if running is None else 0.98 * running + 0.02 * value.item()
            bar.set_postfix(loss=f"{running:.4f}", refresh=False)
            if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
                state.save(step + 1)
    with torch.no_grad():
        for parameter, average in zip(parameters, averages, strict=True):
            parameter.copy_(average)


@dataclass(frozen=True)
class _State:
    """Everything a cut-off run needs to go on as if nothing had happened."""

    parameters: list[nn.Parameter]
    averages: list[Tensor]
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    path: Path

    def save(self, step: int) -> None:
        content = {
            "step": step,
            "parameters": [p.detach() for p in self.parameters],
            "averages": self.averages,
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        partial = self.path.with_suffix(".part")
        torch.save(content, partial)
        os.replace(partial, self.path)

    @torch.no_grad()
    def load(self) -> int:
        if not self.path.exists():
            return 0
        content = torch.load(self.path, weights_only=True)
        for target, source in zip(self.parameters, content["parameters"], strict=True):
            target.copy_(source)
        for average, source in zip(self.averages, content["averages"], strict=True):
            average.copy_(source)
        self.optimizer.load_state_dict(content["optimizer"])
        self.generator.set_state(content["generator"])
        return int(content["step"])


def _share(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm * max(FINAL_RATE, 0.5 * (1 + math.cos(math.pi * step / steps)))
