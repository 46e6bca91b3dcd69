"""Nodes that put latents into batches and take them out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import repeated
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_arithmetic import LATENT, LatentNode
from services.executor.nodes.latent_scaling import like
from services.executor.nodes.limits import check_size
from services.executor.nodes.schema_node import combo


class LatentFromBatch:
    """Some latents of a batch."""

    DISPLAY_NAME = "Latent From Batch"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "frombatch"
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batch, the first one to take and how many."""
        return {
            "required": {
                "samples": ("LATENT",),
                "batch_index": ("INT", {"default": 0, "min": 0, "max": 63}),
                "length": ("INT", {"default": 1, "min": 1, "max": 64}),
            }
        }

    def frombatch(self, samples: Latent, batch_index: int, length: int) -> tuple[Latent]:
        """Return those of them that there are, at least the last one; each keeps the noise it had in the batch."""
        batch = samples["samples"]
        start = min(len(batch) - 1, batch_index)
        taken = slice(start, min(len(batch), start + length))
        result = samples | {"samples": batch[taken].clone(), "batch_index": places(samples)[taken]}
        mask = samples.get("noise_mask")
        if mask is not None:
            result["noise_mask"] = (mask if len(mask) == 1 else repeated(mask, len(batch), "samples")[taken]).clone()
        return (result,)


class RepeatLatentBatch:
    """A batch several times over."""

    DISPLAY_NAME = "Repeat Latent Batch"
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "repeat"
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batch and how often."""
        return {"required": {"samples": ("LATENT",), "amount": ("INT", {"default": 1, "min": 1, "max": 64})}}

    def repeat(self, samples: Latent, amount: int) -> tuple[Latent]:
        """Return the batch repeated; each repetition gets noise of its own.

        Raises:
            ValueError: the result could not be held.
        """
        batch = samples["samples"]
        check_size("amount", amount, *batch.shape)
        result = samples | {"samples": torch.cat([batch] * amount)}
        mask = samples.get("noise_mask")
        if mask is not None and len(mask) > 1:
            result["noise_mask"] = torch.cat([repeated(mask, max(len(mask), len(batch)), "samples")] * amount)
        if "batch_index" in samples:
            old = samples["batch_index"]
            offset = max(old) - min(old) + 1
            result["batch_index"] = [place + turn * offset for turn in range(amount) for place in old]
        return (result,)


class LatentBatch(LatentNode):
    """Two batches as one."""

    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batches."""
        return {"required": {"samples1": LATENT, "samples2": LATENT}}

    def execute(self, samples1: Latent, samples2: Latent) -> tuple[Latent]:
        """Return the second, brought to the size of the first, after the first; all keep the noise they had.

        Raises:
            ValueError: the result could not be held.
        """
        first = samples1["samples"]
        second = like(samples2["samples"], first, batch=False)
        check_size("samples2", len(first) + len(second), *first.shape[1:])
        together = {"samples": torch.cat([first, second]), "batch_index": places(samples1) + places(samples2)}
        return (samples1 | together,)


class LatentBatchSeedBehavior(LatentNode):
    """Whether the latents of a batch get equal noise."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batch, and noise of their own (random) or equal (fixed)."""
        return {"required": {"samples": LATENT, "seed_behavior": combo("random", "fixed", default="fixed")}}

    def execute(self, samples: Latent, seed_behavior: str) -> tuple[Latent]:
        """Return the same latents, that get the noise of the first one's place or of their own."""
        result = dict(samples)
        if seed_behavior == "random":
            result.pop("batch_index", None)
        elif seed_behavior == "fixed":
            result["batch_index"] = [places(samples)[0]] * len(samples["samples"])
        return (result,)


def places(samples: Latent) -> list[int]:
    """For each latent its place in the batch it was taken from, which decides on its noise."""
    batch: Tensor = samples["samples"]
    return list(samples.get("batch_index") or range(len(batch)))


NODES: tuple[type, ...] = (LatentFromBatch, RepeatLatentBatch, LatentBatch, LatentBatchSeedBehavior)
