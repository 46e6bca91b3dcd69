"""The text encoder: trained so that every position after the words holds a fixed code of the scene."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from services.executor.diffusion.models.clip_text import ClipText, ClipTextSpec
from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN, VOCABULARY_SIZE, clip_bpe
from tools.train_tiny.captions import caption, known_words
from tools.train_tiny.scenes import COLOURS, OFFSETS, SHAPES, Scene

WIDTH = 64
TOKENS = 77
CODE_SCALE = 3.0
"""Three one-hot groups of this size stay within the norm of 8 that a 64-wide layer norm gives."""
PLACE_SCALE = 2.0
NOTHING_TOLD = WIDTH - 1
"""The element of the code that stands alone where a caption tells nothing: a layer norm cannot give all zeros."""
UNKNOWN_ROW = 0

SPEC = ClipTextSpec(width=WIDTH, inner_width=256, heads=4, layers=3)


class Vocabulary:
    """The few tokens that have an embedding; every other token shares one row of zeros."""

    def __init__(self) -> None:
        self._words = {word: clip_bpe().encode(word) for word in known_words()}
        spelled = {token for tokens in self._words.values() for token in tokens}
        self.tokens = sorted({*spelled, START_TOKEN, END_TOKEN})
        self._rows = torch.full((VOCABULARY_SIZE,), UNKNOWN_ROW)
        self._rows[torch.tensor(self.tokens)] = torch.arange(1, len(self.tokens) + 1)

    def ids(self, text: str, rng: random.Random) -> list[int]:
        """Token ids of a caption, each `?` in it being one to three random tokens."""
        ids: list[int] = []
        for word in text.split():
            if word == "?":
                ids += [rng.randrange(START_TOKEN) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            else:
                ids += self._words[word]
        ids = ids[: TOKENS - 2]
        return [START_TOKEN, *ids] + [END_TOKEN] * (TOKENS - 1 - len(ids))

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of the small embedding table for token ids; a random token that is known keeps its meaning."""
        return self._rows[ids]


class TextTrainer(nn.Module):
    """The encoder with a table of the known tokens in place of the 49,408 rows of CLIP's."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabulary = Vocabulary()
        self.encoder = ClipText(SPEC)
        self.table = nn.Embedding(len(self.vocabulary.tokens) + 1, WIDTH, padding_idx=UNKNOWN_ROW)
        nn.init.normal_(self.table.weight, std=0.5)
        nn.init.zeros_(self.table.weight[UNKNOWN_ROW])
        nn.init.normal_(self.encoder.text_model.embeddings.position_embedding.weight, std=0.05)
        self.encoder.text_model.embeddings.token_embedding.weight = nn.Parameter(
            torch.zeros(VOCABULARY_SIZE, WIDTH), requires_grad=False
        )

    def forward(self, ids: Tensor) -> Tensor:
        """Codes (batch, tokens, width) of token ids (batch, tokens)."""
        embeddings = self.table(self.vocabulary.rows(ids))
        ends = (ids == END_TOKEN).int().argmax(dim=1)
        hidden: Tensor = self.encoder(embeddings, ends).hidden
        return hidden

    @torch.no_grad()
    def settle(self) -> None:
        """Round every weight to fp16, as the file stores it, and write the known tokens into the encoder's full table.

        The UNet learns from what the settled encoder gives.
        """
        for parameter in self.parameters():
            parameter.copy_(parameter.half().float())
        self.encoder.token_table[torch.tensor(self.vocabulary.tokens)] = self.table.weight[1:]


def code(scene: Scene) -> Tensor:
    """The fixed code (WIDTH,) of what a caption tells."""
    target = torch.zeros(WIDTH)
    told = (scene.shape, scene.colour, scene.background)
    if scene.column is None or scene.row is None:
        target[NOTHING_TOLD] = CODE_SCALE
        return target
    start = 0
    for value, group in zip(told, (SHAPES, COLOURS, COLOURS), strict=True):
        if value is not None:
            target[start + value] = CODE_SCALE
        start += len(group)
    target[start + OFFSETS.index(scene.column)] = PLACE_SCALE
    target[start + len(OFFSETS) + OFFSETS.index(scene.row)] = PLACE_SCALE
    return target


def captioned(scenes: Sequence[Scene], vocabulary: Vocabulary, rng: random.Random) -> tuple[Tensor, Tensor]:
    """Token ids (scenes, tokens) of a random caption of each scene, and the codes (scenes, WIDTH) they should get."""
    ids, codes = [], []
    for scene in scenes:
        text, told = caption(scene, rng)
        ids.append(vocabulary.ids(text, rng))
        codes.append(code(told))
    return torch.tensor(ids), torch.stack(codes)


def loss_of(trainer: TextTrainer, scenes: Sequence[Scene], rng: random.Random) -> Tensor:
    """Mean square error of the codes after the words; random tokens that happen to be known are left as noise."""
    ids, codes = captioned(scenes, trainer.vocabulary, rng)
    after = (ids == END_TOKEN).float()
    error = (trainer(ids) - codes[:, None]).square().sum(dim=-1)
    mean: Tensor = (error * after).sum() / after.sum()
    return mean
