"""What nodes show and tell, as binary frames.

Layout (big endian): event type as uint32, then for type 1 the picture's format as uint32 (1 JPEG, 2 PNG), for type 4
the length of a JSON object as uint32 and that object; then the encoded picture. For type 3 the length of the node's id
as uint32 and that id, then a text.
"""

from __future__ import annotations

import struct

import msgspec

from services.graph.events import NodePreview, NodeText
from services.queue.packs import BinaryMessage

_PREVIEW = 1
_TEXT = 3
_PREVIEW_WITH_METADATA = 4

_FORMATS = {"image/jpeg": 1, "image/png": 2}


def preview_frame(preview: NodePreview, prompt_id: str, *, metadata: bool) -> bytes:
    """The frame; with `metadata` for clients that said they understand it."""
    if not metadata:
        return struct.pack(">II", _PREVIEW, _FORMATS.get(preview.media_type, 1)) + preview.data
    node = preview.node
    described = msgspec.json.encode(
        {
            "node_id": node.node_id,
            "prompt_id": prompt_id,
            "display_node_id": node.display_node_id,
            "parent_node_id": node.parent_node_id,
            "real_node_id": node.real_node_id,
            "image_type": preview.media_type,
        }
    )
    return struct.pack(">II", _PREVIEW_WITH_METADATA, len(described)) + described + preview.data


def pack_frame(message: BinaryMessage) -> bytes:
    """The frame of a message whose kind and content are a node pack's own."""
    return struct.pack(">I", message.kind) + message.data


def text_frame(shown: NodeText) -> bytes:
    """The frame of a text."""
    node_id = shown.node.node_id.encode()
    return struct.pack(">II", _TEXT, len(node_id)) + node_id + shown.text.encode()
