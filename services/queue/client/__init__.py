"""The queue, from elsewhere."""

from __future__ import annotations

from services.queue.client.calls import QueueClient

__all__ = ["QueueClient"]
