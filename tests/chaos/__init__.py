"""What is accepted is not lost: real processes, real faults, drawn from a seed."""

from __future__ import annotations
