"""Where prompts are kept."""

from __future__ import annotations
