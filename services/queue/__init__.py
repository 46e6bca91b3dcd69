"""The queue of prompts: the one authority on a prompt's life."""

from __future__ import annotations
