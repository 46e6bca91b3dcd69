"""What goes out over WebSockets: frames, buffers, who gets what, and where it comes from."""

from __future__ import annotations
