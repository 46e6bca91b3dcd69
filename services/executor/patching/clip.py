"""The CLIP that flows between nodes: text encoders and their tokenizers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor

from services.executor.diffusion.hooks import HookGroup
from services.executor.diffusion.text_encoding import TextEncoders
from services.executor.memory.current import shortage
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.text_models import (
    SD1ClipModel,
    SD2ClipModel,
    SDXLClipModel,
    SDXLRefinerClipModel,
    Tokens,
)
from services.executor.patching.tokenizers import (
    Chunks,
    FindEmbeddings,
    SD1Tokenizer,
    SD2Tokenizer,
    SDXLTokenizer,
)
from services.executor.patching.weight_hooks import patches_of, weight_hooks
from services.executor.patching.weights import on_host

#: By what the encoders of a model are called, the classes of the family that has them.
FAMILIES: Mapping[tuple[str, ...], tuple[Any, Any]] = {
    ("l",): (SD1ClipModel, SD1Tokenizer),
    ("h",): (SD2ClipModel, SD2Tokenizer),
    ("l", "g"): (SDXLClipModel, SDXLTokenizer),
    ("g",): (SDXLRefinerClipModel, SDXLTokenizer),
}


#: Bytes that encoding a prompt takes beside the weights; a few chunks in the largest encoder take half of it.
WORKING_MEMORY = 128 << 20


class CLIP:
    """Text encoders with their tokenizers.

    Attributes:
        cond_stage_model: the networks, shared by clones.
        tokenizer: makes tokens of prompts.
        patcher: the networks with changes of their weights.
        layer_idx: the layer whose output is used, counted from the end; the one of the family when it is None.
        hooks: what changes the networks further.
        use_clip_schedule: whether their strengths change over the sampling, so that prompts are encoded several times.
        apply_hooks_to_conds: what goes with the conditionings, to change the diffusion model.
    """

    hooks: HookGroup | None = None
    use_clip_schedule = False
    apply_hooks_to_conds: HookGroup | None = None

    def __init__(self, known: TextEncoders, find_embeddings: FindEmbeddings | None = None) -> None:
        model, tokenizer = FAMILIES[known.names]
        self.cond_stage_model: Any = model(known.encoders)
        self.tokenizer: Any = tokenizer(
            {encoder.use.name: encoder.model.spec.width for encoder in known.encoders}, find_embeddings
        )
        self.patcher = ModelPatcher(self.cond_stage_model)
        self.layer_idx: int | None = None

    def clone(self) -> CLIP:
        """The same encoders with a copy of the changes."""
        clone = copy.copy(self)
        clone.patcher = self.patcher.clone()
        return clone

    def clip_layer(self, layer_idx: int) -> None:
        """Use the output of another layer, the very last output when there are not as many."""
        self.layer_idx = layer_idx

    def tokenize(self, text: str, return_word_ids: bool = False, **kwargs: Any) -> dict[str, Chunks]:
        """The chunks of a prompt, by the names of the encoders."""
        chunks: dict[str, Chunks] = self.tokenizer.tokenize_with_weights(text, return_word_ids, **kwargs)
        return chunks

    def encode(self, text: str) -> Tensor:
        """The embedding (1, tokens, width) of a prompt."""
        embedding: Tensor = self.encode_from_tokens(self.tokenize(text))
        return embedding

    def encode_from_tokens(self, tokens: Tokens, return_pooled: Any = False, return_dict: bool = False) -> Any:
        """The embedding (1, tokens, width) of tokens, or (embedding, pooled output), or a dictionary of both.

        `return_pooled` may be "unprojected".

        Raises:
            ValueError: there are no tokens for one of the encoders.
        """
        embedding, pooled = self._encoded(tokens, self._strengths_at(0.0), return_pooled == "unprojected")
        if return_dict:
            return {"cond": embedding, "pooled_output": pooled}
        return (embedding, pooled) if return_pooled else embedding

    def encode_from_tokens_scheduled(
        self, tokens: Tokens, unprojected: bool = False, add_dict: Mapping[str, Any] = {}, show_pbar: bool = True
    ) -> list[list[Any]]:
        """The conditioning of tokens, an entry for each part of the sampling where hooks change the networks otherwise.

        `add_dict` is added to the options.
        """
        hooks = {} if self.apply_hooks_to_conds is None else {"hooks": self.apply_hooks_to_conds}
        entries = []
        for start, end, strengths in self._schedule():
            embedding, pooled = self._encoded(tokens, strengths, unprojected)
            part = {"clip_start_percent": start, "clip_end_percent": end} if self.use_clip_schedule else {}
            entries.append([embedding, {"pooled_output": pooled, **part, **hooks, **add_dict}])
        return entries

    def _encoded(self, tokens: Tokens, strengths: tuple[float, ...], unprojected: bool) -> tuple[Tensor, Tensor]:
        options: dict[str, Any] = {} if self.layer_idx is None else {"layer": self.layer_idx}
        if unprojected:
            options["projected_pooled"] = False
        network = self.patcher.patched()

        def encoded() -> tuple[Tensor, Tensor]:
            model = self.patcher.load(WORKING_MEMORY)
            if any(strengths):
                changes = (hook.of_encoder(self.patcher) for hook in weight_hooks(self.hooks))
                model = self.patcher.patched_further(model, patches_of(zip(strengths, changes, strict=True)))
            result: tuple[Tensor, Tensor] = model.encoded(tokens, options)
            return result

        return shortage().survived("encoding a prompt", encoded, [network])

    def _schedule(self) -> list[tuple[float, float, tuple[float, ...]]]:
        """The parts of the sampling, from and to which share of it, and the strengths of the hooks there."""
        begins = {0.0}
        if self.use_clip_schedule:
            frames = (frame for hook in weight_hooks(self.hooks) for frame in hook.hook_keyframe.keyframes)
            begins |= {frame.start_percent for frame in frames if 0 < frame.start_percent < 1}
        edges = [*sorted(begins), 1.0]
        return [(start, end, self._strengths_at(start)) for start, end in pairwise(edges)]

    def _strengths_at(self, percent: float) -> tuple[float, ...]:
        return tuple(
            hook.strength_clip * (hook.hook_keyframe.strength_at(percent) if self.use_clip_schedule else 1.0)
            for hook in weight_hooks(self.hooks)
        )

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Change weights, see `ModelPatcher.add_patches`."""
        return self.patcher.add_patches(patches, strength_patch, strength_model)

    def get_key_patches(self) -> dict[str, list[Any]]:
        """Each weight with its patches, as values for `add_patches` of another encoder."""
        return self.patcher.get_key_patches()

    def get_sd(self) -> dict[str, Tensor]:
        """The weights with their changes."""
        return on_host(self.patcher.patched())

    def load_model(self) -> ModelPatcher:
        """Bring the networks to where they compute."""
        self.patcher.load(WORKING_MEMORY)
        return self.patcher
