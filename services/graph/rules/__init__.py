"""The rules that a node's inputs are held to, a file per group; each answers with ComfyUI's error types and words."""

from __future__ import annotations
