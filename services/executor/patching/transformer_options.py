"""Transformer options as changes of a UNet's work: functions that nodes left in the dictionary, called at their places.

`patches` holds lists of functions by the name of a place, `patches_replace` functions by kind of attention and block;
`optimized_attention_override` takes the place of attention where none of these does.
What a function is told of the place and of the step is in the dictionary that it is called with.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from services.executor.diffusion.patches import (
    UNPATCHED,
    Attention,
    AttentionKind,
    BlockPlace,
    TransformerPlace,
    UNetPatches,
)

TransformerOptions = dict[str, Any]

OVERRIDE = "optimized_attention_override"
_CHANGING = ("patches", "patches_replace", OVERRIDE)


def patches_in(options: TransformerOptions) -> UNetPatches:
    """What the options change; nothing when there are no functions in them."""
    return OptionPatches(options) if any(options.get(name) for name in _CHANGING) else UNPATCHED


class OptionPatches(UNetPatches):
    """Calls the functions in transformer options."""

    def __init__(self, options: TransformerOptions) -> None:
        self._options = options
        self._patches = options.get("patches", {})
        self._replacements = options.get("patches_replace", {})

    def embedding(self, embedding: Tensor, model_channels: int) -> Tensor:
        """Let `emb_patch` change it."""
        for patch in self._patches.get("emb_patch", ()):
            embedding = patch(embedding, model_channels, self._options)
        return embedding

    def after_input_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Let `input_block_patch` change it."""
        return self._changed("input_block_patch", place, hidden)

    def after_skip(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Let `input_block_patch_after_skip` change it."""
        return self._changed("input_block_patch_after_skip", place, hidden)

    def after_middle_block(self, place: BlockPlace, hidden: Tensor) -> Tensor:
        """Let `middle_block_patch` change it."""
        return self._changed("middle_block_patch", place, hidden)

    def before_output_block(self, place: BlockPlace, hidden: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """Let `output_block_patch` change both."""
        self._enter(place)
        for patch in self._patches.get("output_block_patch", ()):
            hidden, skip = patch(hidden, skip, self._options)
        return hidden, skip

    def enters_transformer(self, features: Tensor) -> None:
        """Note the shape, from which functions know height and width."""
        self._options["activations_shape"] = list(features.shape)

    def attention_inputs(
        self, kind: AttentionKind, place: TransformerPlace, hidden: Tensor, key: Tensor, value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Let `attn1_patch` or `attn2_patch` change them."""
        for patch in self._patches.get(f"{kind}_patch", ()):
            hidden, key, value = patch(hidden, key, value, self._told(place))
        return hidden, key, value

    def attention(
        self,
        kind: AttentionKind,
        place: TransformerPlace,
        default: Attention,
        query: Tensor,
        key: Tensor,
        value: Tensor,
    ) -> Tensor:
        """Let what replaces this attention, all those of its block, or every attention, take its place."""
        replacement = self._replacement(kind, place)
        if replacement is not None:
            mixed: Tensor = replacement(query, key, value, self._told(place))
            return mixed
        if OVERRIDE in self._options:
            return self._overridden(place, default, query, key, value)
        return default(query, key, value)

    def _replacement(self, kind: AttentionKind, place: TransformerPlace) -> Any:
        functions = self._replacements.get(kind, {})
        block = (place.block.stage, place.block.number)
        return functions.get((*block, place.depth), functions.get(block))

    def _overridden(
        self, place: TransformerPlace, default: Attention, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        def plain(q: Tensor, k: Tensor, v: Tensor, heads: int, *args: Any, **kwargs: Any) -> Tensor:
            return default(q, k, v)

        told = {"mask": None, "attn_precision": None, "transformer_options": self._told(place)}
        mixed: Tensor = self._options[OVERRIDE](plain, query, key, value, place.heads, **told)
        return mixed

    def after_attention(self, kind: AttentionKind, place: TransformerPlace, mixed: Tensor) -> Tensor:
        """Let `attn1_output_patch` or `attn2_output_patch` change it."""
        for patch in self._patches.get(f"{kind}_output_patch", ()):
            mixed = patch(mixed, self._told(place))
        return mixed

    def between_attentions(self, place: TransformerPlace, hidden: Tensor) -> Tensor:
        """Let `middle_patch` change it."""
        for patch in self._patches.get("middle_patch", ()):
            hidden = patch(hidden, self._told(place))
        return hidden

    def _changed(self, name: str, place: BlockPlace, hidden: Tensor) -> Tensor:
        self._enter(place)
        for patch in self._patches.get(name, ()):
            hidden = patch(hidden, self._options)
        return hidden

    def _enter(self, place: BlockPlace) -> None:
        self._options["block"] = (place.stage, place.number)

    def _told(self, place: TransformerPlace) -> TransformerOptions:
        """The options with where the function is called; a dictionary of its own, which it may keep."""
        return {
            **self._options,
            "block": (place.block.stage, place.block.number),
            "transformer_index": place.transformer,
            "block_index": place.depth,
            "n_heads": place.heads,
            "dim_head": place.head_dim,
            "attn_precision": None,
        }
