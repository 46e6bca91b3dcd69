"""Files that are not what their names say, or are damaged."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

CHECKPOINT = "checkpoints/sd15_small.safetensors"
LORA = "loras/sd15_lora.safetensors"
CONTROL_NETWORK = "controlnet/cn_small.safetensors"


def with_header(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file, which claims that its header is so long."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def other_files() -> Iterator[tuple[str, bytes, str]]:
    """What somebody renamed, or never downloaded: a name, the content, and what is to be said of it."""
    archive, saved = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a", "b")
    torch.save({"a": torch.zeros(1)}, saved)
    yield "empty", b"", "only 0 bytes"
    yield "text", b"this is a text and holds no weights\n" * 20, "not a safetensors file"
    yield "pickle", pickle.dumps({"a": 1}), "pickle"
    yield "zip", archive.getvalue(), "pickle"
    yield "torch", saved.getvalue(), "pickle"
    yield "picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "is a picture"
    yield "page", b"<!DOCTYPE html><html>Please log in</html>" * 9, "is a web page"
    yield "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 4265146304\n", "Git LFS"
    yield "quantised", b"GGUF" + bytes(100), "GGUF"


def damaged_files(models: Path) -> Iterator[tuple[str, bytes, str]]:
    """A checkpoint with something wrong in it, as `other_files`."""
    good = (models / CHECKPOINT).read_bytes()
    length = struct.unpack("<Q", good[:8])[0]
    header, data = json.loads(good[8 : 8 + length]), good[8 + length :]
    first, second = [name for name in header if name != "__metadata__"][:2]

    def with_entry(**changes: Any) -> bytes:
        return with_header(json.dumps(header | {first: header[first] | changes}).encode(), data)

    start, end = header[first]["data_offsets"]
    yield "cut", good[: len(good) // 2], "truncated"
    yield "cut_early", good[:100], "truncated"
    yield "claims_100_mb", with_header(b"{}", length=100_000_000), "truncated"
    yield "claims_2_to_63", with_header(b"{}", length=2**63), "claims a header of 9223372036854775808 bytes"
    yield "no_weights", with_header(b"{}"), "holds no known model"
    yield "null", with_header(b"null"), "not a JSON object"
    yield "nested", with_header(b"[" * 100_000), "not a JSON object"
    yield "overlapping", with_entry(data_offsets=header[second]["data_offsets"]), "invalid offset"
    yield "negative", with_entry(data_offsets=[-8, 8]), "invalid value"
    yield "backwards", with_entry(data_offsets=[end, start]), "invalid offset"
    yield "far_away", with_entry(data_offsets=[0, 2**62]), "truncated"
    yield "unknown_dtype", with_entry(dtype="F13"), "F13"
    yield "dtype_is_a_number", with_entry(dtype=7), "malformed"
    yield "shape_is_a_text", with_entry(shape="abc"), "malformed"
    yield "shape_below_zero", with_entry(shape=[-1, 4]), "invalid value"
    yield "shape_beyond_all", with_entry(shape=[2**40, 2**40]), "overflow"
    yield "no_entry", with_header(json.dumps(header | {first: None}).encode(), data), "malformed"
    yield "metadata_list", with_header(json.dumps(header | {"__metadata__": [1]}).encode(), data), "malformed"
    told = {"silverprint.config": "{{{"}
    yield "told_nonsense", with_header(json.dumps(header | {"__metadata__": told}).encode(), data), "is not JSON"
    weights = load_file(models / CHECKPOINT)
    without = {name: weight for name, weight in weights.items() if not name.endswith("out.2.weight")}
    yield "lacks_one", save(without, header["__metadata__"]), "out.2.weight is missing"
    name = next(name for name in weights if name.endswith("input_blocks.1.0.in_layers.2.weight"))
    empty = save(weights | {name: weights[name][:0]}, header["__metadata__"])
    yield "weight_of_nothing", empty, "in_layers.2.weight has the shape [0"


def mislabelled_files(models: Path) -> Iterator[tuple[str, bytes, str]]:
    """Another kind of model, for the loader of checkpoints, as `other_files`."""
    yield "lora", (models / LORA).read_bytes(), "holds no known model; it looks like a LoRA"
    yield "control_network", (models / CONTROL_NETWORK).read_bytes(), "holds no known model; it looks like a ControlNet"
