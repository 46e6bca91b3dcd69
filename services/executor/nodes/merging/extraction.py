"""The node that keeps what is between two models as a LoRA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.adapters.extraction import low_rank
from services.executor.diffusion.checkpoints.writing import StoredWeight
from services.executor.engine.context import current_context
from services.executor.nodes.declarations import whole
from services.executor.nodes.merging.saving import Extra, keep
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.schema_node import SchemaNode, combo
from services.executor.nodes.stored_files import workflow_texts
from services.executor.patching.clip import CLIP
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.stored import StoredModel
from services.executor.patching.weights import patched

STANDARD, FULL = "standard", "full_diff"
TEXT_PREFIX = "text_encoders."


class LoraSave(SchemaNode):
    """What `ModelMergeSubtract` and `CLIPMergeSubtract` give, as a LoRA of a rank, or whole."""

    DISPLAY_NAME = "Extract and Save Lora"
    RETURN_TYPES = ()
    OUTPUT_TOOLTIPS: tuple[str | None, ...] = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "_for_testing"
    EXPERIMENTAL = True
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_lora_extract"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """What the name begins with, the rank, whether it counts, whether vectors are kept, and the differences."""
        prefix = {"default": "loras/ComfyUI_extracted_lora", "multiline": False}
        return {
            "required": {
                "filename_prefix": ("STRING", prefix),
                "rank": whole(8, 1, 4096),
                "lora_type": combo(STANDARD, FULL),
                "bias_diff": ("BOOLEAN", {"default": True}),
            },
            "optional": {
                "model_diff": ("MODEL", {"tooltip": "What ModelMergeSubtract gives."}),
                "text_encoder_diff": ("CLIP", {"tooltip": "What CLIPMergeSubtract gives."}),
            },
            "hidden": HIDDEN,
        }

    def save(
        self,
        filename_prefix: str,
        rank: int,
        lora_type: str,
        bias_diff: bool,
        model_diff: ModelPatcher | None = None,
        text_encoder_diff: CLIP | None = None,
        prompt: object = None,
        extra_pnginfo: Extra = None,
    ) -> dict[str, Any]:
        """Store it, the matrices as fp16.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ResourceExhausted: the disk is full.
            ValueError: there is no difference, or one that is no number.
        """
        if lora_type not in (STANDARD, FULL):
            raise ValueError(f"lora_type: {lora_type!r} is not one of {STANDARD}, {FULL}")
        changes = dict(_changes(model_diff, ""))
        changes |= _changes(None if text_encoder_diff is None else text_encoder_diff.patcher, TEXT_PREFIX)
        if not changes:
            raise ValueError("model_diff, text_encoder_diff: neither has changes of weights; subtract models first")
        stored: dict[str, StoredWeight] = {}
        for done, (key, change) in enumerate(changes.items(), 1):
            stored |= _stored(key, change, rank if lora_type == STANDARD else None, bias_diff)
            current_context().progress(done, len(changes))
        keep(StoredModel(stored, {}), filename_prefix, workflow_texts(prompt, extra_pnginfo))
        return {}


def _changes(patcher: ModelPatcher | None, prefix: str) -> Iterator[tuple[str, Any]]:
    """What makes each weight that has changes, by its name in the file."""
    if patcher is not None:
        weights = patcher.model_state_dict()
        for key, patches in patcher.patches.items():
            yield prefix + key, partial(patched, weights[key], patches, key, torch.float32)


def _stored(key: str, make: Any, rank: int | None, with_vectors: bool) -> Mapping[str, StoredWeight]:
    layer, _, parameter = key.rpartition(".")
    change: Tensor = make()
    if not change.isfinite().all():
        raise ValueError(f"{key}: the difference holds what is no number")
    if change.dim() < 2:
        suffix = "diff_b" if parameter == "bias" else "diff"
        return {f"{layer}.{suffix}": _half(change)} if with_vectors else {}
    if rank is None:
        # Made again when it is written: all of them together may be as large as the model.
        return {f"{layer}.diff": StoredWeight(torch.float16, tuple(change.shape), make)}
    up, down = low_rank(change, rank)
    return {f"{layer}.lora_up.weight": _half(up), f"{layer}.lora_down.weight": _half(down)}


def _half(tensor: Tensor) -> StoredWeight:
    return StoredWeight.of(tensor.half().cpu())


NODES: tuple[type, ...] = (LoraSave,)
