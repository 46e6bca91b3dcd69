"""Where models lie on this host: folders of a kind under one or more roots."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from services.errors import InvalidArgument, NotFound
from services.files.models import kinds
from services.files.models.kinds import EXTENSIONS
from services.files.models.records import ExtraFolder
from services.files.names import parse_model


class ModelsElsewhere(Protocol):
    """Models that are not on this host, and can be brought here."""

    def names(self, folder: str) -> Sequence[str]:
        """The models of a kind, as of the latest refresh."""
        ...

    def refresh(self) -> None:
        """Look again at what there is."""
        ...

    def fetch(self, folder: str, name: str) -> Path:
        """Where a model lies once it is here; raises as `ModelFolders.path`, and for what goes wrong on the way."""
        ...


class ModelFolders:
    """The models under `roots`, then those elsewhere; of equal names the one under the earlier root counts.

    Directories of one kind may come before and after those under the roots.
    """

    def __init__(
        self, roots: Sequence[Path], elsewhere: ModelsElsewhere | None = None, extra: Sequence[ExtraFolder] = ()
    ) -> None:
        self._roots = tuple(roots)
        self._extra = tuple(extra)
        self._elsewhere = elsewhere
        #: told the kind, the name and the place of every model that is asked for
        self.opened: Callable[[str, str, Path], None] = _nobody

    def refresh(self) -> None:
        """Look again at what there is elsewhere; what is here is looked at whenever somebody asks."""
        if self._elsewhere:
            self._elsewhere.refresh()

    def names(self, folder: str) -> list[str]:
        """The models in `folder` ("checkpoints", "vae", ...), sorted, with "/" after subfolders."""
        found = set(self._elsewhere.names(folder)) if self._elsewhere else set()
        for directory in self.directories(folder):
            found.update(_files_below(directory, "", ()))
        return sorted(name for name in found if self.accepts(folder, name) and _is_model(folder, name))

    def path(self, folder: str, name: str) -> Path:
        """Where the model lies; it is brought here first when it is elsewhere only.

        Raises:
            InvalidArgument: `name` is none, or leaves the folder.
            NotFound: there is no such model.
        """
        try:
            inside = parse_model(folder, name).path.removeprefix(f"{folder}/")
        except InvalidArgument as error:
            raise InvalidArgument(f"{name[:200]!r} is not the name of a model in {folder}: {error.message}") from error
        path = self._find(folder, inside)
        if path is None:
            raise NotFound(f"there is no model {name!r} in {folder}")
        self.opened(kinds.ALIASES.get(folder, folder), inside, path)
        return path

    def _find(self, folder: str, inside: str) -> Path | None:
        for directory in self.directories(folder):
            path = directory / inside
            if path.is_file():
                return path
        return self._elsewhere.fetch(folder, inside) if self._elsewhere else None

    def accepts(self, folder: str, filename: str) -> bool:
        """Whether a file of this name may be a model of the kind."""
        return os.path.splitext(filename)[1].lower() in EXTENSIONS

    def directories(self, folder: str) -> Iterator[Path]:
        """Where models of a kind may lie, the first one that has a name counts."""
        known = kinds.directories(folder)
        yield from (Path(it.path) for it in self._extra if it.folder in known and it.is_default)
        yield from (root / name for root in self._roots for name in known)
        yield from (Path(it.path) for it in self._extra if it.folder in known and not it.is_default)


def _nobody(folder: str, name: str, path: Path) -> None:
    pass


def _is_model(folder: str, name: str) -> bool:
    try:
        parse_model(folder, name)
    except InvalidArgument:
        return False
    return True


def _files_below(directory: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """The files in a directory and the directories in it; links are followed, unless they lead to a directory above."""
    try:
        status = directory.stat()
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    here = status.st_dev, status.st_ino
    if here in above:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_below(Path(entry.path), f"{prefix}{entry.name}/", (*above, here))
        elif entry.is_file():
            yield prefix + entry.name
