"""Guidance that differs from frame to frame of a video: weak at its first frame, or at both of its ends.

Blattmann et al. 2023, "Stable Video Diffusion", https://arxiv.org/abs/2311.15127, appendix D.3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from services.executor.nodes.patches.model_patch import ModelPatchNode, copy_of
from services.executor.patching.model_patcher import ModelPatcher


class VideoGuidanceNode(ModelPatchNode):
    """A node of guidance whose scale goes from a least one to the sampler's; a batch is a video's frames."""

    CATEGORY = "sampling/video_models"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_video_model"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The model, and the least scale."""
        least = {"default": 1.0, "min": 0.0, "max": 100.0, "step": 0.5, "round": 0.01}
        return {"required": {"model": ("MODEL",), "min_cfg": ("FLOAT", least)}}

    def patch(self, model: ModelPatcher | None, min_cfg: float) -> tuple[ModelPatcher]:
        """Return the model.

        Raises:
            ValueError: the model is missing.
        """

        def guided(told: dict[str, Any]) -> Tensor:
            cond, uncond = told["cond"], told["uncond"]
            shares = self.shares(len(cond)).to(cond).view(-1, *[1] * (cond.dim() - 1))
            scale = min_cfg + (told["cond_scale"] - min_cfg) * shares
            mixed: Tensor = uncond + scale * (cond - uncond)
            return mixed

        patched = copy_of(model)
        patched.set_model_sampler_cfg_function(guided)
        return (patched,)

    @staticmethod
    def shares(frames: int) -> Tensor:
        """(frames,) how far from the least scale to the sampler's each frame is."""
        raise NotImplementedError


class VideoLinearCFGGuidance(VideoGuidanceNode):
    """Guidance that grows from the first frame to the last."""

    @staticmethod
    def shares(frames: int) -> Tensor:
        """From 0 to 1."""
        return torch.linspace(0, 1, frames)


class VideoTriangleCFGGuidance(VideoGuidanceNode):
    """Guidance that grows to the middle and falls again."""

    @staticmethod
    def shares(frames: int) -> Tensor:
        """From 0 to 1 and back."""
        return 1 - (2 * torch.linspace(0, 1, frames) - 1).abs()


NODES: tuple[type, ...] = (VideoLinearCFGGuidance, VideoTriangleCFGGuidance)
