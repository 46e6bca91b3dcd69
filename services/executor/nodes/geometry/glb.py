"""Writes triangles as glTF 2.0 in its binary form (Khronos Group, glTF 2.0 specification, chapter 4)."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from torch import Tensor

FLOAT, UNSIGNED_INT = 5126, 5125
VERTICES, INDICES = 34962, 34963  # what a part of the buffer is for
TRIANGLES = 4
ALIGNMENT = 4  # bytes


def glb_of(vertices: Tensor, faces: Tensor, extras: Mapping[str, Any]) -> bytes:
    """A file of vertices (count, 3) and triangles (count, 3), with anything that is JSON beside them."""
    points = vertices.detach().float().cpu().contiguous()
    indices = faces.detach().int().cpu().contiguous()
    positions, triangles = points.numpy().tobytes(), indices.numpy().tobytes()
    document = {
        "asset": {"version": "2.0", "generator": "Silverprint", **({"extras": dict(extras)} if extras else {})},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "mode": TRIANGLES}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": FLOAT,
                "count": len(points),
                "type": "VEC3",
                "min": points.amin(0).tolist(),
                "max": points.amax(0).tolist(),
            },
            {"bufferView": 1, "componentType": UNSIGNED_INT, "count": indices.numel(), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(positions), "target": VERTICES},
            {"buffer": 0, "byteOffset": len(positions), "byteLength": len(triangles), "target": INDICES},
        ],
        "buffers": [{"byteLength": len(positions) + len(triangles)}],
    }
    chunks = _chunk(b"JSON", json.dumps(document).encode(), b" ") + _chunk(b"BIN\0", positions + triangles, b"\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    content += filler * (-len(content) % ALIGNMENT)
    return struct.pack("<I4s", len(content), kind) + content
