"""GLIGEN, as it flows between nodes: a network that the model attends by, under conditions that have boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from services.executor.diffusion.checkpoints.errors import told_of
from services.executor.diffusion.checkpoints.weights_file import read_model_file
from services.executor.diffusion.control import gligen
from services.executor.diffusion.control.control_net import compute_dtype
from services.executor.diffusion.control.gligen_reading import gligen as gligen_of
from services.executor.patching.model_patcher import ModelPatcher

POSITION = "position"

Placed = tuple[Tensor, int, int, int, int]
"""The embedding of a phrase (1, width), and height, width, top and left of its box in cells of the latent."""

Patch = Callable[[Tensor, dict[str, Any]], Tensor]


class Gligen(nn.Module):
    """The network, and what it makes of boxes.

    Attributes:
        max_objs: how many boxes it takes.
        text_width: of the phrases' embeddings.
    """

    def __init__(self, network: gligen.Gligen) -> None:
        super().__init__()
        self.network = network
        self.max_objs = gligen.MOST_BOXES
        self.text_width = network.spec.text_width

    def set_position(
        self, latent_image_shape: Sequence[int], position_params: Sequence[Placed], device: torch.device | None = None
    ) -> Patch:
        """A function for `middle_patch`, by which features of latents of a shape attend to phrases in boxes.

        Raises:
            ValueError: there are too many boxes.
        """
        height, width = latent_image_shape[-2:]
        boxes = [
            (left / width, top / height, (left + across) / width, (top + down) / height)
            for _, down, across, top, left in position_params
        ]
        phrases = [phrase.reshape(-1) for phrase, *_ in position_params]
        return self._attending(self.network.grounds(boxes, phrases, compute_dtype(self.network)))

    def set_empty(self, latent_image_shape: Sequence[int], device: torch.device | None = None) -> Patch:
        """The same without boxes."""
        return self.set_position(latent_image_shape, (), device)

    def _attending(self, grounds: Tensor) -> Patch:
        def patch(hidden: Tensor, extra_options: dict[str, Any]) -> Tensor:
            stage, number = extra_options["block"]
            fuser = self.network.fuser(stage, number, extra_options["block_index"])
            if fuser is None or fuser.channels != hidden.shape[-1]:
                raise ValueError("gligen_textbox_model: it is made for another family of models")
            attended: Tensor = fuser(hidden, grounds.to(hidden).expand(len(hidden), -1, -1))
            return attended

        return patch


def load_gligen(ckpt_path: Any) -> ModelPatcher:
    """The GLIGEN in a file.

    Raises:
        CheckpointError: the file is damaged, or holds none.
    """
    path = Path(ckpt_path)
    file = read_model_file(path, "a GLIGEN")
    with told_of(path.name):
        return ModelPatcher(Gligen(gligen_of(file.weights)))


def patch_of(given: Any, x: Tensor) -> Patch:
    """The function that a condition's `gligen` comes to for latents x.

    Raises:
        ValueError: it is of a kind that is not known.
    """
    kind, model, boxes = given
    if kind != POSITION:
        raise ValueError(f"gligen: {kind!r} is no kind of it that this platform offers ({POSITION!r} is)")
    patch: Patch = model.model.set_position(x.shape, boxes, x.device)
    return patch
