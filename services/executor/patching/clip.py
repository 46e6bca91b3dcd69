"""The CLIP that flows between nodes: text encoders and their tokenizers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

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
    """

    use_clip_schedule = False

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
        options = {} if self.layer_idx is None else {"layer": self.layer_idx}
        if return_pooled == "unprojected":
            options["projected_pooled"] = False
        network = self.patcher.patched()

        def encoded() -> tuple[Tensor, Tensor]:
            result: tuple[Tensor, Tensor] = self.patcher.load(WORKING_MEMORY).encoded(tokens, options)
            return result

        embedding, pooled = shortage().survived("encoding a prompt", encoded, [network])
        if return_dict:
            return {"cond": embedding, "pooled_output": pooled}
        return (embedding, pooled) if return_pooled else embedding

    def encode_from_tokens_scheduled(
        self, tokens: Tokens, unprojected: bool = False, add_dict: Mapping[str, Any] = {}, show_pbar: bool = True
    ) -> list[list[Any]]:
        """The conditioning of tokens; `add_dict` is added to its options."""
        embedding, pooled = self.encode_from_tokens(tokens, return_pooled="unprojected" if unprojected else True)
        return [[embedding, {"pooled_output": pooled, **add_dict}]]

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
