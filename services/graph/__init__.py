"""What a prompt is: its model, node definitions, validation, signatures and events. Pure Python."""

from __future__ import annotations
