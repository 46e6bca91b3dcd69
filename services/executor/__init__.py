"""The executor: an agent that dials the queue, and a worker process that owns the device."""

from __future__ import annotations
