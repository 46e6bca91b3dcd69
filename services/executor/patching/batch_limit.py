"""How many conditions share one run of a network, which is what a step's memory depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.guidance import Batch
from services.executor.memory.counters import SPLIT_BATCH
from services.executor.memory.current import planner, shortage
from services.executor.patching.model_patcher import ModelPatcher

#: The name of a run's limit among model options.
BATCH_LIMIT = "batch_limit"


@dataclass
class BatchLimit:
    """A limit for the steps of one run; it falls to a single condition once memory has run out.

    Attributes:
        conditions: in one batch; None for as many as fit together.
    """

    conditions: int | None = None

    @classmethod
    def of(cls, model_options: Mapping[str, Any]) -> BatchLimit:
        """That of the run that options are those of, none where it has none."""
        found = model_options.get(BATCH_LIMIT)
        return found if isinstance(found, cls) else cls()

    def keeping(self, run: Callable[[Batch], Tensor], network: nn.Module) -> Callable[[Batch], Tensor]:
        """A function that runs batches through a network, condition by condition when memory runs out."""

        def one_by_one(batch: Batch) -> Tensor:
            self.conditions = 1
            return torch.cat([run(part) for part in batch.parts()])

        def survived(batch: Batch) -> Tensor:
            smaller = (lambda: one_by_one(batch)) if len(batch.conditions) > 1 else None
            return shortage().survived("a sampling step", lambda: run(batch), [network], smaller, SPLIT_BATCH)

        return survived


def bring(model: ModelPatcher, others: Sequence[Any], latent_shape: Sequence[int], conditions: int) -> BatchLimit:
    """Bring a MODEL to its device, with others that compute beside it and with room for steps on latents of a shape.

    Rather than leave a part of it on the host, conditions run one by one.

    Returns:
        How many of the conditions may run at once.
    """
    batch, *rest = latent_shape
    least, working = (model.memory_required([batch * count, *rest]) for count in (1, max(1, conditions)))
    planned = networks_of([model, *others])
    for patcher in (model, *others):
        if isinstance(patcher, ModelPatcher) and not patcher.is_planned:
            patcher.load()
    doing = "bringing a model to its device"
    room = shortage().survived(doing, lambda: planner().use(planned, working, least), planned)
    if room >= working:
        return BatchLimit()
    shortage().note(SPLIT_BATCH, f"steps on latents of {list(latent_shape)} under {conditions} conditions")
    return BatchLimit(max(1, room // max(1, least)))


def networks_of(models: Iterable[Any]) -> list[nn.Module]:
    """What computes of MODELs, as far as its memory is planned."""
    return [model.patched() for model in models if isinstance(model, ModelPatcher) and model.is_planned]
