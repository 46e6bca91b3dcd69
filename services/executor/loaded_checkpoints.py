"""The checkpoints that are mapped: the ones used last stay, so that the next prompt does not load again.

Where they compute is planned elsewhere, see `services.executor.memory`: here they are pages of their files.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from services.executor.embeddings import Embeddings
from services.executor.memory.current import host_budget
from services.executor.patching.clip import CLIP
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.vae import VAE

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

    def __init__(self, embeddings: Embeddings | None = None, budget: int | None = None) -> None:
        """`budget` is in bytes of all files together: that of the host, unless it is given."""
        self._find_embeddings = embeddings.of_encoder if embeddings else None
        self._budget = host_budget() if budget is None else budget
        self._loaded: OrderedDict[_Key, Models] = OrderedDict()

    def get(self, path: Path) -> Models:
        """The models of a checkpoint.

        Raises:
            CheckpointError: the file cannot be used.
        """
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._loaded:
            self._loaded[key] = self._as_nodes_know_it(load_checkpoint(path))
            self._forget_beyond_budget()
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

    def _forget_beyond_budget(self) -> None:
        while len(self._loaded) > 1 and sum(size for _, _, size in self._loaded) > self._budget:
            self._loaded.popitem(last=False)
