"""Nodes that put as many batches together as are linked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.batches import like, resized_masks, with_channels
from services.executor.nodes.declarations import IMAGE, MASK, Declaration
from services.executor.nodes.latent import Latent
from services.executor.nodes.latent_arithmetic import LATENT
from services.executor.nodes.latent_scaling import check_channels, scaled_latent
from services.executor.nodes.limits import check_size
from services.executor.nodes.schema_node import SchemaNode
from services.graph.dynamic_inputs import GROWING

LEAST, MOST = 2, 50

_NUMBER = re.compile(r"\d+$")


class GrowingBatch(SchemaNode):
    """A node of an input that stands for as many as are linked.

    Attributes:
        INPUT: its name, which those of the others begin with.
        SLOT: what the others are called, before their number.
        KIND: what they take.
    """

    FUNCTION = "execute"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_post_processing"
    OUTPUT_MATCHTYPES = None
    INPUT = ""
    SLOT = ""
    KIND: Declaration = ()

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batches."""
        slot = {"input": {"required": {cls.SLOT: cls.KIND}}, "prefix": cls.SLOT, "min": LEAST, "max": MOST}
        return {"required": {cls.INPUT: (GROWING, {"template": slot})}}

    @classmethod
    def linked(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, in the order of the numbers.

        Raises:
            ValueError: nothing was.
        """
        found = {name: value for name, value in given.items() if value is not None and _NUMBER.search(name)}
        if not found:
            raise ValueError(f"{cls.INPUT}: none is linked")
        return dict(sorted(found.items(), key=lambda item: int(_NUMBER.findall(item[0])[0])))


class BatchImagesNode(GrowingBatch):
    """Batches of pictures as one."""

    DISPLAY_NAME = "Batch Images"
    RETURN_TYPES = ("IMAGE",)
    CATEGORY = "image"
    INPUT, SLOT, KIND = "images", "image", IMAGE

    def execute(self, **images: Tensor) -> tuple[Tensor]:
        """Return all of them in the size of the first; where only some have transparency, all get it.

        Raises:
            ValueError: none is linked, or they could not be held.
        """
        batches = list(self.linked(images).values())
        first, channels = batches[0], max(batch.shape[-1] for batch in batches)
        check_size(self.INPUT, sum(map(len, batches)), *first.shape[1:3], channels)
        return (torch.cat([like(with_channels(batch, channels), first, "bilinear").to(first) for batch in batches]),)


class BatchMasksNode(GrowingBatch):
    """Batches of masks as one."""

    DISPLAY_NAME = "Batch Masks"
    RETURN_TYPES = ("MASK",)
    CATEGORY = "mask"
    INPUT, SLOT, KIND = "masks", "mask", MASK

    def execute(self, **masks: Tensor) -> tuple[Tensor]:
        """Return all of them in the size of the first.

        Raises:
            ValueError: none is linked, or they could not be held.
        """
        batches = list(self.linked(masks).values())
        height, width = batches[0].shape[-2:]
        check_size(self.INPUT, sum(batch[..., 0, 0].numel() for batch in batches), height, width)
        return (torch.cat([resized_masks(batch, height, width).to(batches[0]) for batch in batches]),)


class BatchLatentsNode(GrowingBatch):
    """Batches of latents as one."""

    DISPLAY_NAME = "Batch Latents"
    RETURN_TYPES = ("LATENT",)
    CATEGORY = "latent"
    INPUT, SLOT, KIND = "latents", "latent", LATENT

    def execute(self, **latents: Latent) -> tuple[Latent]:
        """Return all of them in the size of the first, whose other properties they get.

        Raises:
            ValueError: none is linked, one is for another model, or they could not be held.
        """
        given = self.linked(latents)
        batches = {name: latent["samples"] for name, latent in given.items()}
        first = next(iter(batches.values()))
        check_size(self.INPUT, sum(map(len, batches.values())), *first.shape[1:])
        fitted = [_fitted(batch, first, name) for name, batch in batches.items()]
        return (next(iter(given.values())) | {"samples": torch.cat(fitted)},)


def _fitted(latent: Tensor, first: Tensor, name: str) -> Tensor:
    check_channels(latent, first, name)
    if latent.shape[-2:] != first.shape[-2:]:
        latent = scaled_latent(latent, first.shape[-1], first.shape[-2], "bilinear", "center", name)
    return latent.to(first)


NODES: tuple[type, ...] = (BatchImagesNode, BatchMasksNode, BatchLatentsNode)
