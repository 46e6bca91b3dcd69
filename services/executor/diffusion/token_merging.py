"""Token merging: attention over fewer tokens, those that are most alike being averaged before and copied back after it.

Bolya & Hoffman, "Token Merging for Fast Stable Diffusion", 2023, https://arxiv.org/abs/2303.17604: of every 2 x 2 cells
one, chosen at random, is a destination; of all others the `count` that are most like a destination are merged into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STRIDE = 2  # cells along each side of a window with one destination


@dataclass(frozen=True, eq=False)
class Matching:
    """Which tokens are merged into which.

    Attributes:
        sources: (tokens - destinations,) places of the tokens that are no destinations.
        destinations: (destinations,) places of the others.
        kept, merged: (batch, …, 1) which of the sources stay as they are, and which are merged.
        targets: (batch, merged, 1) into which of the destinations.
    """

    sources: Tensor
    destinations: Tensor
    kept: Tensor
    merged: Tensor
    targets: Tensor

    def merge(self, tokens: Tensor) -> Tensor:
        """Fewer tokens of (batch, tokens, channels): those that stay, then the destinations, averaged with theirs."""
        sources, destinations = tokens[:, self.sources], tokens[:, self.destinations]
        merged = _taken(sources, self.merged)
        targets = self.targets.expand(-1, -1, tokens.shape[2])
        averaged = destinations.scatter_reduce(1, targets, merged, reduce="mean")
        return torch.cat([_taken(sources, self.kept), averaged], dim=1)

    def unmerge(self, tokens: Tensor) -> Tensor:
        """As many tokens as there were of what `merge` gave; merged ones are copies of their destinations."""
        kept, destinations = tokens[:, : self.kept.shape[1]], tokens[:, self.kept.shape[1] :]
        sources = tokens.new_empty(len(tokens), len(self.sources), tokens.shape[2])
        sources.scatter_(1, self.kept.expand(-1, -1, tokens.shape[2]), kept)
        sources.scatter_(1, self.merged.expand(-1, -1, tokens.shape[2]), _taken(destinations, self.targets))
        whole = tokens.new_empty(len(tokens), len(self.sources) + len(self.destinations), tokens.shape[2])
        whole[:, self.sources] = sources
        whole[:, self.destinations] = destinations
        return whole


def match(tokens: Tensor, height: int, width: int, count: int) -> Matching | None:
    """Choose what to merge of the tokens (batch, height * width, channels) of a map; None where nothing can be.

    Draws from torch's global generator.
    """
    rows, columns = height // STRIDE, width // STRIDE
    if count <= 0 or rows * columns == 0:
        return None
    is_destination = _chosen_cells(height, width).to(tokens.device)
    sources, destinations = (~is_destination).nonzero()[:, 0], is_destination.nonzero()[:, 0]
    directions = tokens / tokens.norm(dim=-1, keepdim=True)
    likeness = directions[:, sources] @ directions[:, destinations].mT
    best, target = likeness.max(dim=-1)
    order = best.argsort(dim=-1, descending=True)[..., None]
    count = min(count, len(sources))
    merged, kept = order[:, :count], order[:, count:]
    return Matching(sources, destinations, kept, merged, target[..., None].gather(1, merged))


def _chosen_cells(height: int, width: int) -> Tensor:
    """(height * width,) where the destinations are; there are none in what is over a whole number of windows."""
    rows, columns = height // STRIDE, width // STRIDE
    chosen = torch.randint(STRIDE**2, (rows, columns, 1))
    windows = torch.zeros(rows, columns, STRIDE**2, dtype=torch.bool).scatter_(2, chosen, True)
    cells = windows.view(rows, columns, STRIDE, STRIDE).transpose(1, 2).reshape(rows * STRIDE, columns * STRIDE)
    whole = torch.zeros(height, width, dtype=torch.bool)
    whole[: rows * STRIDE, : columns * STRIDE] = cells
    return whole.flatten()


def _taken(tokens: Tensor, places: Tensor) -> Tensor:
    return tokens.gather(1, places.expand(-1, -1, tokens.shape[2]))
