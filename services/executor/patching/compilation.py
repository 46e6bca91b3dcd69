"""Models whose network, or parts of it, are compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.wrappers import WrapperExecutor, WrappersMP

COMPILED = "torch.compile"

NETWORK = "diffusion_model"


def compile_model(
    model: ModelPatcher,
    backend: str | Callable[..., Any],
    options: Mapping[str, Any] | None = None,
    mode: str | None = None,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    keys: Iterable[str] = (NETWORK,),
) -> None:
    """Have modules of a model compiled where they are called, in place of those that were chosen before.

    Nothing is compiled before the first call. The arguments are those of `torch.compile`; `keys` are dotted paths from
    the model (`ModelPatcher.model`).

    Raises:
        ValueError: there is no such module.
    """
    how: dict[str, Any] = {"backend": backend, "mode": mode, "fullgraph": fullgraph, "dynamic": dynamic}
    if options is not None:
        how["options"] = dict(options)
    compiled = {key: torch.compile(_module(model.model, key), **how) for key in keys}

    def call(executor: WrapperExecutor, *args: Any, **kwargs: Any) -> Any:
        before = {key: _replaced(executor.class_obj, key, module) for key, module in compiled.items()}
        try:
            return executor(*args, **kwargs)
        finally:
            for key, module in before.items():
                _replaced(executor.class_obj, key, module)

    model.remove_wrappers_with_key(WrappersMP.APPLY_MODEL, COMPILED)
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, COMPILED, call)


def _module(model: torch.nn.Module, key: str) -> torch.nn.Module:
    try:
        return model.get_submodule(key)
    except AttributeError:
        raise ValueError(f"keys: the model has no module {key}") from None


def _replaced(model: torch.nn.Module, key: str, module: Any) -> Any:
    """Put a module in place of another; returns that."""
    parent, _, name = key.rpartition(".")
    owner = model.get_submodule(parent)
    before = getattr(owner, name)
    setattr(owner, name, module)
    return before
