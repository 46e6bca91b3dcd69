"""Weight adapters: LoRA and what came after it, read from files and turned into changes of weights."""

from __future__ import annotations
