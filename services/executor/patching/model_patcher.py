"""The MODEL that flows between nodes: a shared model, and what nodes change about it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.latent_format import LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling
from services.executor.memory.current import planner
from services.executor.patching import weights
from services.executor.patching.functions import ModelFunctions
from services.executor.patching.latent_formats import as_previews_know_it
from services.executor.patching.model_options import create_model_options_clone
from services.executor.patching.model_sampling import as_samplers_know_it
from services.executor.patching.stages import ModelStages
from services.executor.patching.weights import WeightPatch
from services.executor.patching.wrappers import CallbacksMP, call_all, copy_nested_dicts


class ModelPatcher(ModelFunctions, ModelStages):
    """A model with changes of its own; clones share the model and not the changes.

    The model itself stays as it was loaded: changed weights and parts are put into a copy of it that shares the rest,
    made when sampling begins.

    Attributes:
        model: shared by all clones.
        model_options: functions that change the model's work, see `model_options.py`.
        patches: changes of weights, by key.
        object_patches: parts to use in place of the model's own, by dotted path.
        load_device: where it computes; it is brought there when it does, see `services.executor.memory`.
        offload_device, output_device: where it waits, and where its results are.
    """

    def __init__(
        self,
        model: nn.Module,
        load_device: torch.device | None = None,
        offload_device: torch.device | None = None,
        size: int = 0,
        weight_inplace_update: bool = False,
    ) -> None:
        """Take a model; `size` is counted and nothing is updated in place, so that both say nothing here."""
        self.model: Any = model
        self.load_device = load_device or planner().memory.device
        self.offload_device = offload_device or torch.device("cpu")
        self.output_device = torch.device("cpu")
        self.model_options = {"transformer_options": {}}
        self.patches: dict[str, list[WeightPatch]] = {}
        self.object_patches: dict[str, Any] = {}
        self.attachments: dict[str, Any] = {}
        self.wrappers = {}
        self.callbacks = {}
        self.injections = {}
        self.additional_models: dict[str, list[Any]] = {}
        self.parent: ModelPatcher | None = None
        self.patches_uuid = uuid.uuid4()
        self._changed: tuple[Any, Any] | None = None

    def clone(self) -> ModelPatcher:
        """The same model with a copy of the changes."""
        clone = type(self)(self.model, self.load_device, self.offload_device)
        clone.model_options = create_model_options_clone(self.model_options)
        clone.patches = {key: list(patches) for key, patches in self.patches.items()}
        clone.object_patches = dict(self.object_patches)
        clone.attachments = {
            name: value.on_model_patcher_clone() if hasattr(value, "on_model_patcher_clone") else value
            for name, value in self.attachments.items()
        }
        clone.wrappers = copy_nested_dicts(self.wrappers)
        clone.callbacks = copy_nested_dicts(self.callbacks)
        clone.injections = copy_nested_dicts(self.injections)
        clone.additional_models = {name: list(models) for name, models in self.additional_models.items()}
        clone.parent = self
        clone.patches_uuid = self.patches_uuid
        clone._changed = self._changed
        call_all(self.get_all_callbacks(CallbacksMP.ON_CLONE), self, clone)
        return clone

    def is_clone(self, other: Any) -> bool:
        """Whether another has the same model."""
        return getattr(other, "model", None) is self.model

    def clone_has_same_weights(self, clone: Any) -> bool:
        """Whether another has the same model with the same changes of weights."""
        return self.is_clone(clone) and clone.patches_uuid == self.patches_uuid

    # What is attached to it

    def set_attachments(self, key: str, attachment: Any) -> None:
        """Keep something with the model."""
        self.attachments[key] = attachment

    def get_attachment(self, key: str) -> Any:
        """What was kept, None when nothing was."""
        return self.attachments.get(key)

    def remove_attachments(self, key: str) -> None:
        """Keep something no longer."""
        self.attachments.pop(key, None)

    def set_additional_models(self, key: str, models: list[Any]) -> None:
        """Keep other models with this one."""
        self.additional_models[key] = models

    def get_additional_models_with_key(self, key: str) -> list[Any]:
        """Other models that were kept."""
        return self.additional_models.get(key, [])

    def get_additional_models(self) -> list[Any]:
        """All other models that were kept."""
        return [model for models in self.additional_models.values() for model in models]

    # Weights and parts

    def add_patches(
        self, patches: Mapping[Any, Any], strength_patch: float = 1.0, strength_model: float = 1.0
    ) -> list[Any]:
        """Change weights: weight * strength_model + value * strength_patch; see `weights.Value`.

        Args:
            patches: by key, or by (key, offset) or (key, offset, function).

        Returns:
            The keys that the model has.
        """
        known = self.model.state_dict()
        used = []
        for key, value in patches.items():
            name, offset, function = (key, None, None) if isinstance(key, str) else (*key, None, None)[:3]
            if name in known:
                patch = WeightPatch(strength_patch, value, strength_model, offset, function)
                self.patches.setdefault(name, []).append(patch)
                used.append(key)
        self._forget()
        return used

    def get_key_patches(self, filter_prefix: str | None = None) -> dict[str, list[Any]]:
        """Each weight with its patches, as values for `add_patches` of another model."""
        return weights.key_patches(self.model_state_dict(filter_prefix), self.patches)

    def model_state_dict(self, filter_prefix: str | None = None) -> dict[str, Tensor]:
        """The weights as they were loaded, on the host."""
        return {
            key: weight
            for key, weight in weights.on_host(self.model).items()
            if filter_prefix is None or key.startswith(filter_prefix)
        }

    def add_object_patch(self, name: str, obj: Any) -> None:
        """Use something else in place of the part at a dotted path."""
        self.object_patches[name] = obj
        self._forget()

    def set_model_compute_dtype(self, dtype: torch.dtype | None) -> None:
        """Compute in another dtype, None for what suits the device."""
        self.add_object_patch("manual_cast_dtype", dtype)

    def get_model_object(self, name: str) -> Any:
        """The part at a dotted path, or what is used in its place."""
        if name in self.object_patches:
            return self.object_patches[name]
        found = self.model
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def patched(self) -> Any:
        """The model with the changes of weights and parts; itself when there are none."""
        if not (self.patches or self.object_patches):
            return self.model
        if self._changed is None or self._changed[0] is not self.model:
            changed = self._changed_weights(self.patches)
            self._changed = (self.model, weights.with_parts(self.model, {**changed, **self.object_patches}))
        return self._changed[1]

    def patched_further(self, model: Any, patches: Mapping[str, list[WeightPatch]]) -> Any:
        """What `patched` gave, and what is where it computes, with patches of weights after those that there are."""
        all_patches = {key: [*self.patches.get(key, ()), *further] for key, further in patches.items()}
        return weights.with_parts(model, self._changed_weights(all_patches, beside=model))

    def _changed_weights(
        self, patches: Mapping[str, list[WeightPatch]], beside: nn.Module | None = None
    ) -> dict[str, Tensor]:
        """Made where they are used, which is fast, and kept there as far as there is room, or beside a network."""
        known = weights.on_host(self.model)
        # Rounded to fewer digits than it computes with, small changes would be lost.
        dtype = getattr(self.model, "manual_cast_dtype", None)
        where = self.load_device if self.is_planned or beside is not None else torch.device("cpu")
        planner().make_room(sum(known[key].nbytes for key in patches), keep=[] if beside is None else [beside])
        changed = {}
        for key, own in patches.items():
            weight = weights.patched(known[key].to(where), own, key, dtype)
            fits = beside is not None or weight.device.type == "cpu" or planner().room() > 0
            changed[key] = weight if fits else weight.cpu()
        return changed

    def _forget(self) -> None:
        self._changed = None
        self.patches_uuid = uuid.uuid4()

    def patch_model(self, device_to: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The model with the changes; nothing has to be undone."""
        return self.patched()

    def unpatch_model(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the model itself was not changed."""

    def detach(self, unpatch_all: bool = True) -> Any:
        """The model as it was loaded."""
        return self.model

    # What samplers, schedules and previews ask

    @property
    def model_sampling(self) -> ModelSampling:
        """The noise levels, those that a node put in their place included."""
        return as_samplers_know_it(self.get_model_object("model_sampling"))

    @property
    def latent_format(self) -> LatentFormat:
        """The latent space, as previews know it."""
        return as_previews_know_it(self.get_model_object("latent_format"))

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.load_device

    def model_size(self) -> int:
        """Bytes of the weights."""
        return weights.sizes(self.model)

    def loaded_size(self) -> int:
        """Bytes of the weights that are where it computes."""
        return planner().placed([self.patched()]) if self.is_planned else self.model_size()

    def memory_required(self, input_shape: Sequence[int]) -> int:
        """Roughly how many bytes a step on latents of a shape takes, none where the model does not say."""
        told = getattr(self.model, "memory_required", None)
        return 0 if told is None else int(told(input_shape))

    def model_dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return weights.dtype_of(self.model)

    def current_loaded_device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def is_planned(self) -> bool:
        """Whether it computes on the device whose memory is planned; packs may keep models elsewhere."""
        planned = planner().memory.device
        return self.load_device.type == planned.type and self.load_device.index in (None, planned.index)

    def load(self, working: int = 0) -> Any:
        """Bring the model with its changes to where it computes, with so many bytes of room for its work."""
        patched = self.patched()
        if self.is_planned:
            planner().use([patched], working)
        else:
            patched.to(self.load_device)
        return patched
