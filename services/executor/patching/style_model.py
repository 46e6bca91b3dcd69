"""The STYLE_MODEL that flows between nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.diffusion.checkpoints.style_models import StyleNetwork
from services.executor.memory.current import shortage
from services.executor.patching.model_patcher import ModelPatcher


class StyleModel:
    """Makes tokens of what an encoder saw in pictures.

    Attributes:
        model: the network.
        patcher: it with changes of its weights.
        device: where its results are.
    """

    def __init__(self, model: StyleNetwork, device: str | torch.device = "cpu") -> None:
        self.model = model
        self.patcher = ModelPatcher(model)
        self.device = torch.device(device)

    @torch.inference_mode()
    def get_cond(self, input: Any) -> Tensor:
        """Tokens (pictures, tokens, width) of a CLIP_VISION_OUTPUT.

        Raises:
            ValueError: the pictures were seen by another kind of encoder.
        """
        seen: Tensor = input.last_hidden_state
        if seen.shape[-1] != self.model.width:
            raise ValueError(
                f"clip_vision_output: the encoder's tokens are {seen.shape[-1]} wide, and the style model takes those "
                f"of {self.model.width}; it was trained with another CLIP vision model"
            )
        network = self.patcher.patched()
        tokens: Tensor = shortage().survived(
            "making tokens of a picture",
            lambda: self.patcher.load()(seen.to(self.patcher.load_device).float()),
            [network],
        )
        return tokens.to(self.device)
