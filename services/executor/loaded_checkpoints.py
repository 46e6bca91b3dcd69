"""The checkpoints in memory: the ones used last stay, so that the next prompt does not load again."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint

#: How many files stay loaded.
KEPT = 2

_Key = tuple[str, int, int]


class LoadedCheckpoints:
    """Checkpoints by file; a file that was replaced is loaded anew."""

    def __init__(self, device: str, kept: int = KEPT) -> None:
        self._device = device
        self._kept = kept
        self._loaded: OrderedDict[_Key, Checkpoint] = OrderedDict()

    def get(self, path: Path) -> Checkpoint:
        """The checkpoint, on the device.

        Raises:
            CheckpointError: the file cannot be used.
        """
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self._loaded:
            checkpoint = load_checkpoint(path)
            while len(self._loaded) >= self._kept:
                self._loaded.popitem(last=False)
            self._loaded[key] = _moved(checkpoint, self._device)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def unload(self) -> None:
        """Let go of all of them."""
        self._loaded.clear()


def _moved(checkpoint: Checkpoint, device: str) -> Checkpoint:
    if checkpoint.model:
        checkpoint.model.unet.to(device)
    if checkpoint.clip:
        checkpoint.clip.model.to(device)
    if checkpoint.vae:
        checkpoint.vae.vae.to(device)
    return checkpoint
