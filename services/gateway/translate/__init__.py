"""ComfyUI's JSON, and nothing else, made from our records and read into them."""

from __future__ import annotations
