"""What every service tells Prometheus, and how."""

from __future__ import annotations
