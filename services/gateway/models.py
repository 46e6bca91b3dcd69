"""The files of models, as their names are known to prompts."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from services.errors import InvalidArgument, NotFound
from services.files import names
from services.files.client import FileClient
from services.files.records import FileInfo, FileKind, FileName
from services.gateway.translate.model_folders import FOLDERS, directories, is_model


@dataclass(frozen=True)
class Model:
    """A file in one of the directories that hold a kind of model."""

    #: relative to the directory, with its extension
    name: str
    #: which of the directories it is in
    path_index: int
    info: FileInfo


async def models_of(files: FileClient, folder: str) -> list[Model]:
    """The models of a kind by name, those in subfolders too; of equal names the one in the first directory.

    Raises:
        NotFound: there is no such kind.
    """
    _check(folder)
    found: dict[str, Model] = {}
    for index, directory in enumerate(directories(folder)):
        async for info in files.walk(FileKind.MODELS, directory, recursive=True):
            name = info.name.path.removeprefix(f"{directory}/")
            if is_model(folder, name):
                found.setdefault(name, Model(name, index, info))
    return [found[name] for name in sorted(found)]


async def model_file(files: FileClient, folder: str, name: str, path_index: int | None = None) -> FileName:
    """The file of a model, or one beside it; in any directory of its kind when no index says in which.

    Raises:
        NotFound: there is no such kind, directory or file, or this is no file's name.
    """
    _check(folder)
    wanted = directories(folder) if path_index is None else directories(folder)[path_index : path_index + 1]
    for directory in wanted:
        try:
            info = await files.stat(_inside(directory, name))
        except (NotFound, InvalidArgument):
            continue
        return info.name
    raise NotFound(f"there is no model {name[:200]!r} in {folder}")


def _check(folder: str) -> None:
    if folder not in FOLDERS:
        raise NotFound(f"there is no kind of model named {folder[:100]!r}")


def _inside(directory: str, name: str) -> FileName:
    """The file of a name that may have "." and ".." in it, as long as it stays in the directory."""
    found = names.parse_path(FileKind.MODELS, posixpath.join(directory, name))
    if not found.path.startswith(f"{directory}/"):
        raise InvalidArgument(f"{name[:200]!r} leaves {directory}")
    return found
