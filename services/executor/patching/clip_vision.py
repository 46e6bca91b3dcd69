"""The CLIP_VISION that flows between nodes, and what it sees in pictures: the CLIP_VISION_OUTPUT."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion import clip_pictures
from services.executor.diffusion.models.clip_vision import ClipVision
from services.executor.memory.current import shortage
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.weights import dtype_of

#: Bytes that looking at a picture takes beside the weights, roughly.
WORKING_MEMORY = 128 << 20


class Output:
    """What was seen in pictures, all on the CPU; packs ask for it by attribute or by item, and may add to it.

    Attributes:
        last_hidden_state: (batch, tokens, width), of the last layer.
        penultimate_hidden_states: the same of the layer before.
        image_embeds: (batch, embedding_dim), the whole picture in the space that CLIP shares with texts.
        mm_projected: for language models; None.
    """

    last_hidden_state: Tensor
    penultimate_hidden_states: Tensor
    image_embeds: Tensor
    mm_projected: Tensor | None = None

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def __setitem__(self, key: str, item: Any) -> None:
        setattr(self, key, item)


class ClipVisionModel:
    """An encoder of pictures.

    Attributes:
        model: the network.
        patcher: it with changes of its weights.
        dtype: of the weights.
        image_size: side in pixels of the squares that it takes.
        image_mean, image_std: of their channels, see `clip_pictures`.
    """

    image_mean = list(clip_pictures.MEAN)
    image_std = list(clip_pictures.STANDARD_DEVIATION)

    def __init__(self, network: ClipVision) -> None:
        self.model = network
        self.patcher = ModelPatcher(network)
        self.dtype = dtype_of(network)
        self.image_size = network.spec.image_size

    @property
    def load_device(self) -> torch.device:
        """Where it computes."""
        return self.patcher.load_device

    def get_sd(self) -> dict[str, Tensor]:
        """The weights."""
        return self.model.state_dict()

    @torch.inference_mode()
    def encode_image(self, image: Tensor, crop: bool = True) -> Output:
        """What is seen in pictures (batch, height, width, 3 or more channels) in 0..1.

        Args:
            crop: look at the square in the middle, rather than at the whole picture squeezed into one.

        Raises:
            ValueError: these are no pictures.
        """
        pixels = clip_pictures.prepared(
            image.to(self.load_device), self.image_size, crop, self.image_mean, self.image_std
        )
        network = self.patcher.patched()
        seen = shortage().survived(
            "encoding a picture", lambda: self.patcher.load(WORKING_MEMORY)(pixel_values=pixels), [network]
        )
        output = Output()
        output.last_hidden_state = seen.last_hidden_state.float().cpu()
        output.penultimate_hidden_states = seen.intermediate.float().cpu()
        output.image_embeds = seen.image_embeds.float().cpu()
        return output
