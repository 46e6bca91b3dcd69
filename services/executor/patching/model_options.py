"""The options of a MODEL: a dictionary in which nodes leave the functions that change its work.

Functions come in under the names that ComfyUI has for them; `prediction.py` and `transformer_options.py` call them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.executor.patching.wrappers import copy_nested_dicts

ModelOptions = dict[str, Any]
BlockKey = tuple[str, int] | tuple[str, int, int]


def create_model_options_clone(orig_model_options: Mapping[str, Any]) -> ModelOptions:
    """A copy that can be changed without changing the original."""
    return copy_nested_dicts(orig_model_options)


def set_model_options_patch_replace(
    model_options: Mapping[str, Any],
    patch: Any,
    name: str,
    block_name: str,
    number: int,
    transformer_index: int | None = None,
) -> ModelOptions:
    """A copy with a function in place of an attention (`name` "attn1" or "attn2") of one block, or of one transformer.

    Args:
        patch: (query, key, value, extra_options) to what is mixed, all (batch, tokens, channels).
        block_name: "input", "middle" or "output".
        transformer_index: number of the transformer block there; all of them when it is left out.
    """
    options = create_model_options_clone(model_options)
    key: BlockKey = (block_name, number) if transformer_index is None else (block_name, number, transformer_index)
    transformer_options = options.setdefault("transformer_options", {})
    transformer_options.setdefault("patches_replace", {}).setdefault(name, {})[key] = patch
    return options


def set_model_options_post_cfg_function(
    model_options: Mapping[str, Any], post_cfg_function: Callable[..., Any], disable_cfg1_optimization: bool = False
) -> ModelOptions:
    """A copy with one more function that changes the guided prediction."""
    return _with_one_more(model_options, "sampler_post_cfg_function", post_cfg_function, disable_cfg1_optimization)


def set_model_options_pre_cfg_function(
    model_options: Mapping[str, Any], pre_cfg_function: Callable[..., Any], disable_cfg1_optimization: bool = False
) -> ModelOptions:
    """A copy with one more function that changes the predictions before they are combined."""
    return _with_one_more(model_options, "sampler_pre_cfg_function", pre_cfg_function, disable_cfg1_optimization)


def add_patch(model_options: ModelOptions, patch: Any, name: str) -> None:
    """Add a function to those of a place in the network."""
    transformer_options = model_options.setdefault("transformer_options", {})
    transformer_options.setdefault("patches", {}).setdefault(name, []).append(patch)


def _with_one_more(
    model_options: Mapping[str, Any], name: str, function: Callable[..., Any], disable_cfg1_optimization: bool
) -> ModelOptions:
    options = create_model_options_clone(model_options)
    options[name] = [*options.get(name, ()), function]
    if disable_cfg1_optimization:
        options["disable_cfg1_optimization"] = True
    return options
