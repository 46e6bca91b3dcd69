"""Nodes that apply hypernetworks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from services.executor.diffusion.checkpoints.hypernetworks import load_hypernetwork
from services.executor.diffusion.models.hypernetwork import Hypernetwork
from services.executor.environment import environment
from services.executor.nodes.declarations import number
from services.executor.nodes.patches.model_patch import copy_of
from services.executor.patching.model_patcher import ModelPatcher

FOLDER = "hypernetworks"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class HypernetworkPatch:
    """Changes what keys and values of every attention are made of."""

    network: Hypernetwork
    strength: float

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, extra_options: dict[str, Any]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return all three, (batch, tokens, width) each."""
        return query, *self.network.changed(key, value, self.strength)

    def to(self, device: Any) -> HypernetworkPatch:
        """Bring the networks to where the model computes."""
        return HypernetworkPatch(self.network.to(device), self.strength)


class HypernetworkLoader:
    """A model with the changes of a hypernetwork."""

    DISPLAY_NAME = "HypernetworkLoader"
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load_hypernetwork"
    CATEGORY = "loaders"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hypernetwork"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, the file's name, and how much of it is added."""
        return {
            "required": {
                "model": ("MODEL",),
                "hypernetwork_name": (environment().model_names(FOLDER),),
                "strength": number(1.0, -10.0, 10.0, 0.01),
            }
        }

    def load_hypernetwork(self, model: Any, hypernetwork_name: str, strength: float) -> tuple[Any]:
        """Return the model with the changes; networks for tokens that it has not are warned of and left out.

        Raises:
            NotFound: there is no such file.
            CheckpointError: it is no hypernetwork.
            ValueError: the model is missing.
        """
        path = environment().models.path(FOLDER, hypernetwork_name)
        network = load_hypernetwork(path)
        changed = copy_of(model)
        known = _token_widths(changed)
        if unused := [width for width in network.widths if width not in known]:
            log.warning("%s: it has networks for tokens of width %s, which the model has not", path.name, unused)
        patch = HypernetworkPatch(network, strength)
        changed.set_model_attn1_patch(patch)
        changed.set_model_attn2_patch(patch)
        return (changed,)


def _token_widths(model: ModelPatcher) -> set[int]:
    """Widths of what the attentions of a model make keys of."""
    weights = model.model_state_dict("diffusion_model.")
    return {weight.shape[1] for key, weight in weights.items() if key.endswith(".to_k.weight")}


NODES: tuple[type, ...] = (HypernetworkLoader,)
