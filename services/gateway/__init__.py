"""The gateway: the ComfyUI REST and WebSocket API in front of the services."""

from __future__ import annotations
