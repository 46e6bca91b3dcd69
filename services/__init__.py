"""Silverprint: ComfyUI workflows as a platform of queue, files, executor and gateway."""

from __future__ import annotations

__version__ = "0.1.0"
