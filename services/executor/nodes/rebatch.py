"""Nodes that take lists of batches apart and put them together in batches of another length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.executor.nodes.batches import repeated
from services.executor.nodes.declarations import IMAGE, LARGEST_BATCH, whole
from services.executor.nodes.latent import CELL, Latent
from services.executor.nodes.latent_arithmetic import LATENT
from services.executor.nodes.schema_node import SchemaNode

BATCH_SIZE = whole(1, 1, LARGEST_BATCH, step=None)

Place = int
Single = tuple[Tensor, Tensor | None, Place]
"""A latent (1, ...), its noise mask (1, 1, height, width) if it has one, and its place in the list of all."""


class RebatchNode(SchemaNode):
    """A node from lists to lists."""

    FUNCTION = "execute"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_rebatch"
    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True,)


class RebatchLatents(RebatchNode):
    """Latents in batches of a length."""

    DISPLAY_NAME = "Rebatch Latents"
    RETURN_TYPES = ("LATENT",)
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batches and how long they are to be."""
        return {"required": {"latents": LATENT, "batch_size": BATCH_SIZE}}

    def execute(self, latents: Sequence[Latent], batch_size: Sequence[int]) -> tuple[list[Latent]]:
        """Return batches of that length, shorter where sizes change and at the end; each keeps its mask and noise."""
        batches = []
        for _, same in groupby(_singles(latents), key=lambda single: single[0].shape):
            alike = list(same)
            batches += [_batch(alike[start : start + batch_size[0]]) for start in range(0, len(alike), batch_size[0])]
        return (batches,)


class RebatchImages(RebatchNode):
    """Pictures in batches of a length."""

    DISPLAY_NAME = "Rebatch Images"
    RETURN_TYPES = ("IMAGE",)
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The batches and how long they are to be."""
        return {"required": {"images": IMAGE, "batch_size": BATCH_SIZE}}

    def execute(self, images: Sequence[Tensor], batch_size: Sequence[int]) -> tuple[list[Tensor]]:
        """Return batches of that length, the last one shorter.

        Raises:
            ValueError: a batch would hold pictures of different sizes.
        """
        singles = [image for batch in images for image in batch]
        parts = [singles[start : start + batch_size[0]] for start in range(0, len(singles), batch_size[0])]
        for part in parts:
            if len({image.shape for image in part}) > 1:
                raise ValueError("images: pictures of different sizes cannot be in one batch")
        return ([torch.stack(part) for part in parts],)


def _singles(latents: Sequence[Latent]) -> Iterator[Single]:
    seen = 0
    for latent in latents:
        batch, mask = latent["samples"], latent.get("noise_mask")
        masks = None if mask is None else _mask_of(mask, batch)
        places = latent.get("batch_index") or range(seen, seen + len(batch))
        for index in range(len(batch)):
            yield batch[index : index + 1], None if masks is None else masks[index : index + 1], places[index]
        seen += len(batch)


def _mask_of(mask: Tensor, batch: Tensor) -> Tensor:
    """The mask in pixels of the picture, one for each latent."""
    mask = mask.reshape(-1, 1, *mask.shape[-2:])
    size = [CELL * side for side in batch.shape[-2:]]
    if list(mask.shape[-2:]) != size:
        mask = functional.interpolate(mask, size=size, mode="bilinear")
    return repeated(mask, len(batch), "latents")


def _batch(singles: Sequence[Single]) -> Latent:
    latents, masks, places = zip(*singles, strict=True)
    batch: Latent = {"samples": torch.cat(latents), "batch_index": list(places)}
    if any(mask is not None and bool((mask != 1).any()) for mask in masks):
        rows, columns = (CELL * side for side in latents[0].shape[-2:])
        everything = torch.ones(1, 1, rows, columns)
        batch["noise_mask"] = torch.cat([everything if mask is None else mask for mask in masks])
    return batch


NODES: tuple[type, ...] = (RebatchLatents, RebatchImages)
