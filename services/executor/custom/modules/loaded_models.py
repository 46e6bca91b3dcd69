"""The part of `comfy.model_management` that moves models: what packs ask goes through the worker's one planner."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import nn

from services.executor.devices import describe
from services.executor.memory.current import planner, shortage
from services.executor.patching.batch_limit import networks_of
from services.executor.patching.model_patcher import ModelPatcher


class LoadedModel:
    """A model that is on the device.

    Attributes:
        model: as packs know it.
        device: where it is.
    """

    def __init__(self, model: ModelPatcher) -> None:
        self.model = model
        self.device = model.load_device

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedModel) and self.model.is_clone(other.model)

    __hash__ = None  # type: ignore[assignment]

    def model_memory(self) -> int:
        """Bytes of its weights."""
        return self.model.model_size()

    def model_loaded_memory(self) -> int:
        """Bytes of its weights that are on the device."""
        return self.model.loaded_size()

    def model_unload(self, memory_to_free: float | None = None, unpatch_weights: bool = True) -> bool:
        """Take it off the device."""
        return planner().evict([self.model.patched()]) > 0


def current_loaded_models() -> list[LoadedModel]:
    """The models on the device, the one used last first."""
    return [LoadedModel(ModelPatcher(network)) for network in reversed(planner().loaded())]


def loaded_models(only_currently_used: bool = False) -> list[ModelPatcher]:
    """The same, as packs know them."""
    return [loaded.model for loaded in current_loaded_models()]


def load_models_gpu(
    models: Iterable[Any],
    memory_required: float = 0,
    force_patch_weights: bool = False,
    minimum_memory_required: float | None = None,
    force_full_load: bool = False,
) -> None:
    """Bring models to the device that computes, with room for their work.

    Args:
        memory_required: the bytes that the work takes at best.
        minimum_memory_required: those that it can do with.
        force_full_load: all of the models, whatever the budget says.
    """
    given = list(models)
    planned = networks_of(given)
    least = 0 if force_full_load else None if minimum_memory_required is None else int(minimum_memory_required)
    bring = partial(planner().use, planned, int(memory_required), least)
    shortage().survived("bringing models to their device", bring, planned)
    for model in given:
        if not getattr(model, "is_planned", False):
            model.load()


def load_model_gpu(model: Any) -> None:
    """Bring a model to the device that computes."""
    load_models_gpu([model])


def free_memory(memory_required: float, device: Any, keep_loaded: Iterable[Any] = ()) -> list[LoadedModel]:
    """Take models off the device, those used longest ago first, until there is so much room; returns them."""
    before = current_loaded_models()
    if torch.device(device).type == planner().memory.device.type:
        planner().make_room(int(memory_required), keep=[loaded.model.patched() for loaded in keep_loaded])
    soft_empty_cache()
    after = current_loaded_models()
    return [loaded for loaded in before if loaded not in after]


def unload_all_models() -> None:
    """Take all models off the device."""
    planner().unload()


def unload_model_clones(model: Any, unload_weights_only: bool = True, force_unload: bool = True) -> bool:
    """Take a model off the device."""
    return planner().evict([model.patched()]) > 0


def cleanup_models() -> None:
    """Nothing to do: models leave when others need room."""


def soft_empty_cache(force: bool = False) -> None:
    """Give back memory that nothing uses."""
    gc.collect()
    planner().memory.give_back()


def get_total_memory(dev: Any = None, torch_total_too: bool = False) -> Any:
    """Bytes of memory that a device has; or that and what torch has of it."""
    device = describe(_device(dev))
    return (device.vram_total, device.torch_vram_total) if torch_total_too else device.vram_total


def get_free_memory(dev: Any = None, torch_free_too: bool = False) -> Any:
    """Bytes of memory that a device has left within its budget; or that and what torch holds unused."""
    device = describe(_device(dev))
    is_planned = _device(dev).type == planner().memory.device.type
    free = max(0, min(device.vram_free, planner().room())) if is_planned else device.vram_free
    return (free, device.torch_vram_free) if torch_free_too else free


def module_size(module: nn.Module) -> int:
    """Bytes of a module's weights and buffers."""
    return sum(tensor.nelement() * tensor.element_size() for tensor in module.state_dict().values())


def _device(given: Any) -> torch.device:
    return planner().memory.device if given is None else torch.device(given)
