"""Self-attention over fewer tokens, see `services.executor.diffusion.token_merging`."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from services.executor.diffusion.token_merging import Matching, match
from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import MODEL, SchemaPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher

#: Attention over features smaller than the latent by more than this is left alone: it costs little.
LARGEST_SHRINKING = 1


class TomePatchModel(SchemaPatchNode):
    """Queries of self-attention that are merged where they are alike."""

    CATEGORY = "model_patches/unet"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_tomesd"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the share of the tokens that are merged into others."""
        return {"required": {"model": MODEL, "ratio": number(0.3, 0.0, 1.0, 0.01)}}

    def patch(self, model: ModelPatcher | None, ratio: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """
        patched = copy_of(model)
        merging = MergedQueries(ratio)
        patched.set_model_attn1_patch(merging.merge)
        patched.set_model_attn1_output_patch(merging.unmerge)
        return (patched,)


class MergedQueries:
    """Merges the queries of each self-attention, and gives each of them the result of what it was merged into."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._matching: Matching | None = None

    def merge(
        self, query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Fewer queries (batch, tokens, channels)."""
        tokens = query.shape[1]
        height, width = options["original_shape"][-2:]
        shrinking = math.ceil(math.sqrt(height * width // tokens))
        self._matching = None
        if shrinking <= LARGEST_SHRINKING:
            size = math.ceil(height / shrinking), math.ceil(width / shrinking)
            self._matching = match(query, *size, int(tokens * self._ratio))
        return query if self._matching is None else self._matching.merge(query), key, value

    def unmerge(self, mixed: Tensor, options: dict[str, Any]) -> Tensor:
        """As many results as there were queries."""
        return mixed if self._matching is None else self._matching.unmerge(mixed)


NODES: tuple[type, ...] = (TomePatchModel,)
