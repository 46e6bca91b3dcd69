"""What is told about models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from services.files.records import FileInfo
from services.safetensors_header import TensorEntry


class ModelFolder(msgspec.Struct, frozen=True):
    """A kind of model."""

    #: "checkpoints", "loras", …
    name: str
    #: in the folder of models, the first one that has a name counts
    directories: Sequence[str]
    #: what its files end with
    extensions: Sequence[str]


class Model(msgspec.Struct, frozen=True):
    """A file in one of the directories that hold a kind of model."""

    folder: str
    #: as prompts name it: relative to the directory, "/" between parts, with its extension
    name: str
    #: which of the directories of its kind it is in
    directory_index: int
    info: FileInfo


class ModelMetadata(msgspec.Struct, frozen=True):
    """What the header of a safetensors file says."""

    #: free texts by name
    texts: Mapping[str, str]
    #: every tensor by name; empty unless they were asked for
    tensors: Mapping[str, TensorEntry]
    tensor_count: int
    #: numbers in all tensors together
    parameter_count: int
    #: tensors by the type of their numbers, such as "BF16"
    dtypes: Mapping[str, int]


class Inventory(msgspec.Struct, frozen=True):
    """The names of all models at one moment."""

    #: changes whenever a name does
    version: str
    #: by folder, sorted
    names: Mapping[str, Sequence[str]]


class ModelPage(msgspec.Struct, frozen=True):
    """Some of the models of a kind, by name."""

    models: Sequence[Model]
    #: of the page that follows, "" on the last one
    next_page_token: str


class ExtraFolder(msgspec.Struct, frozen=True):
    """One more directory that holds models of a kind."""

    #: the kind's own name or an older one, such as "checkpoints"
    folder: str
    #: absolute
    path: str
    #: whether it comes before all others
    is_default: bool
    #: where the file says so, for messages
    said_in: str
