"""Nodes declared by a schema, ComfyUI's newer interface: brought to the attributes that the engine reads."""

from __future__ import annotations
