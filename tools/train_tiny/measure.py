"""How well a checkpoint obeys prompts: pictures made the way workflows make them, read back and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import Checkpoint
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample
from tools.train_tiny.captions import plain_caption
from tools.train_tiny.check import tally
from tools.train_tiny.drawing import CELL, SIZE
from tools.train_tiny.scenes import Scene

BATCH = 25  # pictures
ATTRIBUTES = ("shape", "colour", "background", "place", "all")


@dataclass(frozen=True)
class Setting:
    """How to sample."""

    sampler: str = "euler"
    scheduler: str = "normal"
    cfg: float = 5.0
    steps: int = 20


SETTINGS = tuple(
    Setting(sampler, scheduler, cfg)
    for sampler, scheduler in (("euler", "normal"), ("euler_ancestral", "normal"), ("dpmpp_2m", "karras"))
    for cfg in (3.0, 5.0, 8.0)
)


@torch.inference_mode()
def pictures(checkpoint: Checkpoint, prompts: Sequence[str], setting: Setting, seed: int) -> Tensor:
    """Pictures (prompts, 3, SIZE, SIZE) in 0..1."""
    starts = range(0, len(prompts), BATCH)
    return torch.cat([_batch(checkpoint, prompts[start : start + BATCH], setting, seed + start) for start in starts])


def table(checkpoint: Checkpoint, scenes: Sequence[Scene], settings: Sequence[Setting], seed: int) -> str:
    """A Markdown table: how many pictures in a hundred show what their caption asks for, by setting and attribute."""
    lines = [f"| sampler | scheduler | cfg | {' | '.join(ATTRIBUTES)} |", "| --- " * (3 + len(ATTRIBUTES)) + "|"]
    prompts = [plain_caption(scene) for scene in scenes]
    for setting in settings:
        shares = tally(scenes, pictures(checkpoint, prompts, setting, seed))
        counts = " | ".join(f"{100 * shares[name]:.0f}" for name in ATTRIBUTES)
        lines.append(f"| {setting.sampler} | {setting.scheduler} | {setting.cfg:g} | {counts} |")
    return "\n".join(lines)


def _batch(checkpoint: Checkpoint, prompts: Sequence[str], setting: Setting, seed: int) -> Tensor:
    model, clip, vae = checkpoint.model, checkpoint.clip, checkpoint.vae
    if model is None or clip is None or vae is None:
        raise ValueError("the checkpoint lacks a part")
    positive = [[torch.cat([clip.encode(prompt)[0][0] for prompt in prompts]), {}]]
    latents = sample(
        ModelPatcher(as_nodes_know_it(model)),
        positive,
        clip.encode(""),
        torch.zeros(len(prompts), 4, SIZE // CELL, SIZE // CELL),
        seed=seed,
        steps=setting.steps,
        cfg=setting.cfg,
        sampler=setting.sampler,
        scheduler=setting.scheduler,
    )
    decoded: Tensor = vae.decode(latents)
    return decoded.movedim(-1, 1)
