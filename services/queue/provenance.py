"""What a run ran on and used: what it takes to reproduce it, or to account for it."""

from __future__ import annotations

import msgspec


class UsedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A file of weights."""

    #: the kind of model: "checkpoints", "loras"
    folder: str
    #: its name in the folder, with "/" after subfolders
    name: str
    #: in bytes
    size: int
    #: when it was last written, in seconds since the epoch
    modified_at: float
    #: BLAKE3 in hex, empty where nobody had the time to compute it
    blake3: str = ""


class UsedPack(msgspec.Struct, frozen=True):
    """A node pack of which nodes ran or were at hand; the version is empty where it has none."""

    name: str
    version: str = ""


class SavedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a node saved or showed, by its name at the file service."""

    kind: str
    subfolder: str
    filename: str
    #: in bytes
    size: int
    #: BLAKE3 in hex
    blake3: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker knows of a run when it ends."""

    #: of silverprint
    version: str
    python_version: str
    torch_version: str
    #: "cuda:0 NVIDIA H100 80GB HBM3", "cpu"
    device: str
    models: tuple[UsedModel, ...] = ()
    packs: tuple[UsedPack, ...] = ()
    files: tuple[SavedFile, ...] = ()
