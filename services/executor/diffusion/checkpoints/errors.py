"""What goes wrong with checkpoint files."""

from __future__ import annotations

from services.errors import InvalidArgument


class CheckpointError(InvalidArgument):
    """The file is no checkpoint that can be loaded."""
