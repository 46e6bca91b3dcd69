"""The checkpoints that are mapped: the ones used last stay, so that the next prompt does not load again.

Where they compute is planned elsewhere, see `services.executor.memory`: here they are pages of their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from services.executor.diffusion.checkpoints.parts import load_autoencoder, load_diffusion_model, load_text_encoders
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.text_encoding import TextEncoders
from services.executor.embeddings import Embeddings
from services.executor.memory.current import host_budget
from services.executor.patching.clip import CLIP
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE
from services.executor.recent_files import RecentFiles


@dataclass(frozen=True)
class Models:
    """What a checkpoint file holds, as it flows between nodes; None for the parts that it does not hold."""

    model: ModelPatcher | None
    clip: CLIP | None
    vae: VAE | None

    def cloned(self) -> Models:
        """The same models, without what nodes may change about these."""
        return Models(self.model and self.model.clone(), self.clip and self.clip.clone(), self.vae)


class LoadedCheckpoints:
    """Checkpoints, and parts of models in files of their own."""

    def __init__(self, embeddings: Embeddings | None = None, budget: int | None = None) -> None:
        """`budget` is in bytes of all files together: that of the host, unless it is given."""
        self._find_embeddings = embeddings.of_encoder if embeddings else None
        self._loaded = RecentFiles(host_budget() if budget is None else budget)

    def get(self, path: Path) -> Models:
        """The models of a checkpoint.

        Raises:
            CheckpointError: the file cannot be used.
        """
        return self._loaded.get([path], lambda: self.as_nodes_know_it(load_checkpoint(path))).cloned()

    def model(self, path: Path, dtype: torch.dtype | None = None) -> ModelPatcher:
        """The diffusion model in a file, its weights in a dtype, or in that of the file.

        Raises:
            CheckpointError: the file cannot be used.
        """
        return self._loaded.get([path], lambda: as_model(load_diffusion_model(path, dtype)), ("model", dtype)).clone()

    def clip(self, paths: Sequence[Path]) -> CLIP:
        """The text encoders in one file or two.

        Raises:
            CheckpointError: the files cannot be used.
        """
        return self._loaded.get(paths, lambda: self.as_clip(load_text_encoders(paths)), "clip").clone()

    def vae(self, path: Path) -> VAE:
        """The autoencoder in a file.

        Raises:
            CheckpointError: the file cannot be used.
        """
        return self._loaded.get([path], lambda: VAE.of(load_autoencoder(path)), "vae")

    def files(self) -> list[str]:
        """The names of the files that are kept."""
        return self._loaded.names()

    def unload(self) -> None:
        """Let go of all of them."""
        self._loaded.clear()

    def as_nodes_know_it(self, checkpoint: Checkpoint) -> Models:
        """What was read of a checkpoint."""
        return Models(
            as_model(checkpoint.model) if checkpoint.model else None,
            self.as_clip(checkpoint.clip) if checkpoint.clip else None,
            VAE.of(checkpoint.vae) if checkpoint.vae else None,
        )

    def as_clip(self, known: TextEncoders) -> CLIP:
        """What was read of text encoders."""
        return CLIP(known, self._find_embeddings)


def as_model(known: LatentDiffusionModel) -> ModelPatcher:
    """What was read of a diffusion model."""
    return ModelPatcher(as_nodes_know_it(known))
