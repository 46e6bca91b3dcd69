"""The UNet of Stable Diffusion 1, 2 and XL, with the parameter names of LDM checkpoints."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from services.executor.diffusion.control.residuals import NO_CONTROL, Residuals, controlled
from services.executor.diffusion.models.layers import Conv2d, GroupNorm
from services.executor.diffusion.models.unet_blocks import RES_NORM_EPS, block_of, run_block
from services.executor.diffusion.models.unet_encoder import MIDDLE, UNetEncoder
from services.executor.diffusion.models.unet_spec import UNetSpec
from services.executor.diffusion.patches import UNPATCHED, BlockPlace, UNetPatches


class UNet(UNetEncoder):
    """A UNet over latents, conditioned on a timestep, a prompt and optionally a vector."""

    spec: UNetSpec

    def __init__(self, spec: UNetSpec) -> None:
        transformers = itertools.count()
        super().__init__(spec, transformers)
        self.output_blocks = nn.ModuleList(
            block_of(block, BlockPlace("output", number), transformers)
            for number, block in enumerate(spec.output_blocks)
        )
        self.out = nn.Sequential(
            GroupNorm(spec.model_channels, RES_NORM_EPS, spec.group_width),
            nn.SiLU(),
            Conv2d(spec.model_channels, spec.out_channels, 3, padding=1),
        )

    def forward(
        self,
        latent: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor | None = None,
        patches: UNetPatches = UNPATCHED,
        control: Residuals = NO_CONTROL,
    ) -> Tensor:
        """The model's raw prediction.

        Takes latents (batch, channels, height, width), timesteps (batch) in 0..999 (fractions allowed),
        context (batch, tokens, context_dim) and, for models with a vector condition, vectors (batch, adm_channels).
        Computes in the dtype of `latent`.
        """
        embedding = self.embedding(timesteps, vector, latent.dtype)
        embedding = patches.embedding(embedding, self.spec.model_channels)
        hidden = latent
        skips: list[Tensor] = []
        for number, block in enumerate(self.input_blocks):
            place = BlockPlace("input", number)
            hidden = controlled(run_block(block, hidden, embedding, context, patches), control, place)
            hidden = patches.after_input_block(place, hidden)
            skips.append(hidden)
            hidden = patches.after_skip(place, hidden)
        hidden = controlled(run_block(self.middle_block, hidden, embedding, context, patches), control, MIDDLE)
        hidden = patches.after_middle_block(MIDDLE, hidden)
        for number, block in enumerate(self.output_blocks):
            place = BlockPlace("output", number)
            skip = controlled(skips.pop(), control, place)
            hidden, skip = patches.before_output_block(place, hidden, skip)
            hidden = torch.cat([hidden, skip], dim=1)
            size = skips[-1].shape[-2:] if skips else hidden.shape[-2:]
            hidden = run_block(block, hidden, embedding, context, patches, size)
        out: Tensor = self.out(hidden)
        return out
