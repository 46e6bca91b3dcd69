"""Glimpses of unfinished latents: how they are made is chosen for the worker, and may be for each prompt."""

from __future__ import annotations
