"""The checkpoints in memory: the ones used last stay, so that the next prompt does not load again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from services.executor.embeddings import Embeddings
from services.executor.patching.clip import CLIP
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE

#: How many files stay loaded.
KEPT = 2

_Key = tuple[str, int, int]


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
    """Checkpoints by file; a file that was replaced is loaded anew."""

    def __init__(self, device: str, embeddings: Embeddings | None = None, kept: int = KEPT) -> None:
        self._device = device
        self._find_embeddings = embeddings.of_encoder if embeddings else None
        self._kept = kept
        self._loaded: OrderedDict[_Key, Models] = OrderedDict()

    def get(self, path: Path) -> Models:
        """The models of a checkpoint, on the device.

        Raises:
            CheckpointError: the file cannot be used.
        """
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._loaded:
            checkpoint = load_checkpoint(path)
            while len(self._loaded) >= self._kept:
                self._loaded.popitem(last=False)
            self._loaded[key] = self._as_nodes_know_it(_moved(checkpoint, self._device))
        self._loaded.move_to_end(key)
        return self._loaded[key].cloned()

    def _as_nodes_know_it(self, checkpoint: Checkpoint) -> Models:
        return Models(
            ModelPatcher(as_nodes_know_it(checkpoint.model)) if checkpoint.model else None,
            CLIP(checkpoint.clip, self._find_embeddings) if checkpoint.clip else None,
            VAE.of(checkpoint.vae) if checkpoint.vae else None,
        )

    def unload(self) -> None:
        """Let go of all of them."""
        self._loaded.clear()


def _moved(checkpoint: Checkpoint, device: str) -> Checkpoint:
    if checkpoint.model:
        checkpoint.model.unet.to(device)
    if checkpoint.clip:
        for encoder in checkpoint.clip.encoders:
            encoder.model.to(device)
    if checkpoint.vae:
        checkpoint.vae.vae.to(device)
    return checkpoint
