"""What a weight adapter is: small matrices from which the change of one weight is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from services.executor.diffusion.adapters import dora

Parts = Mapping[str, Tensor]


class Change(NamedTuple):
    """What an adapter says of a weight.

    Attributes:
        delta: as many numbers as the weight has, before they are scaled.
        rank: by which the strength `alpha` of the training is divided; None where nothing is factored, nor scaled.
    """

    delta: Tensor
    rank: int | None


Make = Callable[[Parts, Tensor], Change]


@dataclass(frozen=True)
class Adapter:
    """The change of one weight.

    Attributes:
        parts: the matrices, by what their kind calls them.
        make: makes the change of them, of a weight in float32.
        alpha: the strength of the training; the rank, so that nothing is scaled, when it is None.
        magnitude: see `dora.py`; None when only what is added was trained.
    """

    parts: Parts
    make: Make = field(repr=False)
    alpha: float | None = None
    magnitude: Tensor | None = None

    def fits(self, weight: Tensor) -> bool:
        """Whether it was made for weights of this shape; nothing is computed."""
        try:
            return self.change(weight.to("meta")).shape == weight.shape
        except (IndexError, RuntimeError, ValueError):
            return False

    def change(self, weight: Tensor) -> Tensor:
        """What is added to a weight at full strength, in its shape and on its device, in float32."""
        parts = {name: part.to(weight.device, torch.float32) for name, part in self.parts.items()}
        delta, rank = self.make(parts, weight.float())
        if self.alpha is not None and rank is not None:
            delta = delta * (self.alpha / rank)
        delta = delta.reshape(weight.shape)
        return delta if self.magnitude is None else dora.change(weight.float(), delta, self.magnitude)
