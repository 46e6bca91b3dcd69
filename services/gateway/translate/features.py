"""What server and client tell each other that they can do."""

from __future__ import annotations

from typing import TypedDict


class ServerFeatures(TypedDict):
    """What this server can do; sizes in bytes."""

    supports_preview_metadata: bool
    max_upload_size: int


def features(max_upload_bytes: int) -> ServerFeatures:
    """What this server can do."""
    return {"supports_preview_metadata": True, "max_upload_size": max_upload_bytes}


def understands_metadata(flags: object) -> bool:
    """Whether a client's flags ask for previews that say which node they are of."""
    return isinstance(flags, dict) and flags.get("supports_preview_metadata") is True
