"""Reading models from checkpoint files: their structure comes from the names and shapes in the file itself."""

from __future__ import annotations

from services.executor.diffusion.checkpoints.checkpoint import Checkpoint, load_checkpoint
from services.executor.diffusion.checkpoints.errors import CheckpointError

__all__ = ["Checkpoint", "CheckpointError", "load_checkpoint"]
