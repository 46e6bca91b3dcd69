"""The textual inversions in `models/embeddings`, found by what prompts call them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from services.errors import InvalidArgument, NotFound
from services.executor.diffusion.checkpoints.embeddings import load_embedding
from services.executor.model_folders import ModelFolders

log = logging.getLogger(__name__)

FOLDER = "embeddings"

#: What a prompt may leave out of a file's name, in the order in which it is tried.
EXTENSIONS = ("", ".safetensors", ".sft", ".pt", ".bin")


class Embeddings:
    """Reads a file whenever a prompt names it: they are small, and may be replaced."""

    def __init__(self, models: ModelFolders) -> None:
        self._models = models

    def of_encoder(self, encoder: str, width: int) -> Callable[[str], Tensor | None]:
        """Finds the vectors (count, width) for a text encoder ("l") behind a name; those of another width are of no
        use, and are not found.

        What it returns raises `CheckpointError` for a file that cannot be read.
        """

        def find(name: str) -> Tensor | None:
            path = self._path(name)
            if path is None:
                return None
            vectors = load_embedding(path, encoder)
            if vectors.shape[1] == width:
                return vectors
            log.warning(
                "embedding %s is for text encoders of width %d, not %d, and is left out", name, vectors.shape[1], width
            )
            return None

        return find

    def _path(self, name: str) -> Path | None:
        for extension in EXTENSIONS:
            try:
                return self._models.path(FOLDER, name + extension)
            except (InvalidArgument, NotFound):
                continue
        return None
