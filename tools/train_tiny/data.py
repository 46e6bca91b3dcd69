"""The pictures and captions the UNet learns from, drawn and encoded once and kept in memory."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from tools.train_tiny.drawing import draw, latents_of
from tools.train_tiny.scenes import random_scenes
from tools.train_tiny.text import TOKENS, TextTrainer, captioned

CHUNK = 250  # scenes
SEEN_TOKENS = 24
"""Each caption is kept at this many of its 77 positions, chosen at random: nearly all of them say the same."""


@dataclass(frozen=True)
class Table:
    """Latents (count, 4, 16, 16) and the contexts (count, SEEN_TOKENS, width) of their captions, in float16."""

    latents: Tensor
    contexts: Tensor
    empty: Tensor
    """The context (tokens, width) of the empty prompt."""

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Random latents, contexts and an empty context of the same length, in float32."""
        chosen = torch.randint(len(self.latents), (size,), generator=generator)
        kept = torch.randperm(TOKENS, generator=generator)[:SEEN_TOKENS]
        return self.latents[chosen].float(), self.contexts[chosen].float(), self.empty[kept].float()


@torch.no_grad()
def table(count: int, text: TextTrainer, seed: int) -> Table:
    """`count` scenes drawn and captioned."""
    generator = torch.Generator().manual_seed(seed)
    rng = random.Random(seed)
    latents, contexts = [], []
    for _ in tqdm(range(0, count, CHUNK), desc="pictures", mininterval=10):
        scenes = random_scenes(CHUNK, generator)
        latents.append(latents_of(draw(scenes, generator)).half())
        ids, _ = captioned(scenes, text.vocabulary, rng)
        kept = torch.rand(CHUNK, TOKENS, generator=generator).argsort(dim=1)[:, :SEEN_TOKENS]
        contexts.append(text(ids).half()[torch.arange(CHUNK)[:, None], kept])
    empty = text(torch.tensor([text.vocabulary.ids("", rng)]))[0]
    return Table(torch.cat(latents), torch.cat(contexts), empty.half())
