"""The models that ComfyUI had when it was recorded, as far as anybody can tell."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image


def safetensors(size: int, metadata: dict[str, Any] | None = None) -> bytes:
    """A file of so many bytes, without tensors."""
    head = json.dumps({} if metadata is None else {"__metadata__": metadata}).encode()
    return (size - 8).to_bytes(8, "little") + head.ljust(size - 8)


def picture(format: str = "PNG") -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, format)
    return buffer.getvalue()


FILES = {
    "loras/.hidden.safetensors": safetensors(20),
    "loras/bad.safetensors": b"x" * 20,
    "loras/probe_meta.safetensors": safetensors(154, {"format": "pt", "ss_tag": "hello", "modelspec.title": "T"}),
    "loras/probe_meta.png": picture(),
    "loras/probe_nometa.safetensors": safetensors(77),
    "loras/readme.txt": b"text",
    "loras/sub/dir/probe_sub.safetensors": safetensors(105, {"a": "b"}),
    "checkpoints/ck.ckpt": b"x",
    "embeddings/emb one.pt": b"x",
    "embeddings/sub/emb2.safetensors": safetensors(20),
}


def store(folder: Path, files: dict[str, bytes]) -> None:
    """Put files into a folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
