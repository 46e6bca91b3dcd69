"""Where models lie on this host: folders of a kind under one or more roots."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.errors import InvalidArgument, NotFound
from services.files.models import kinds
from services.files.models.kinds import EXTENSIONS
from services.files.names import parse_model


class ModelFolders:
    """The models under `roots`; of equal names the one under the earlier root counts."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)

    def names(self, folder: str) -> list[str]:
        """The models in `folder` ("checkpoints", "vae", ...), sorted, with "/" after subfolders."""
        found: set[str] = set()
        for directory in self.directories(folder):
            found.update(_files_below(directory, "", set()))
        return sorted(name for name in found if self.accepts(folder, name) and _is_model(folder, name))

    def path(self, folder: str, name: str) -> Path:
        """Where the model lies.

        Raises:
            InvalidArgument: `name` is none, or leaves the folder.
            NotFound: there is no such model.
        """
        try:
            inside = parse_model(folder, name).path.removeprefix(f"{folder}/")
        except InvalidArgument as error:
            raise InvalidArgument(f"{name[:200]!r} is not the name of a model in {folder}: {error.message}") from error
        for directory in self.directories(folder):
            path = directory / inside
            if path.is_file():
                return path
        raise NotFound(f"there is no model {name!r} in {folder}")

    def accepts(self, folder: str, filename: str) -> bool:
        """Whether a file of this name may be a model of the kind."""
        return os.path.splitext(filename)[1].lower() in EXTENSIONS

    def directories(self, folder: str) -> Iterator[Path]:
        """Where models of a kind may lie, the first one that has a name counts."""
        for root in self._roots:
            for name in kinds.directories(folder):
                yield root / name


def _is_model(folder: str, name: str) -> bool:
    try:
        parse_model(folder, name)
    except InvalidArgument:
        return False
    return True


def _files_below(directory: Path, prefix: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """The files in a directory and the directories in it; links are followed, each directory once."""
    try:
        status = directory.stat()
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(Path(entry.path), f"{prefix}{entry.name}/", seen)
        elif entry.is_file():
            yield prefix + entry.name
