"""Model folders that packs may add to, as `folder_paths.folder_names_and_paths`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.executor.model_folders import ModelFolders, ModelsElsewhere
from services.files.models import kinds
from services.files.models.records import ExtraFolder

#: Kinds of models that packs know from the start.
KNOWN_FOLDERS = (*kinds.FOLDERS, "latent_upscale_models")


class PackModelFolders(ModelFolders):
    """Models under the roots and in the directories that packs added.

    Attributes:
        folders: kind to (its directories, the extensions of its files, empty for any); packs change it as they like.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        custom_nodes: Sequence[Path] = (),
        elsewhere: ModelsElsewhere | None = None,
        extra: Sequence[ExtraFolder] = (),
    ) -> None:
        super().__init__(roots, elsewhere, extra)
        named = (kinds.ALIASES.get(it.folder, it.folder) for it in extra)
        self.folders: dict[str, tuple[list[str], set[str]]] = {
            name: (
                [str(path) for path in super(PackModelFolders, self).directories(name)],
                set(kinds.extensions(name)),
            )
            for name in dict.fromkeys((*KNOWN_FOLDERS, *named))
        }
        self.folders["custom_nodes"] = ([str(path) for path in custom_nodes], set())

    def add(self, folder: str, directory: str, *, is_default: bool = False) -> None:
        """Look for a kind of models in one more directory, or in it first."""
        directories, _ = self.folders.setdefault(kinds.ALIASES.get(folder, folder), ([], set()))
        if directory in directories and not is_default:
            return
        if directory in directories:
            directories.remove(directory)
        directories.insert(0 if is_default else len(directories), directory)

    def directories(self, folder: str) -> Iterator[Path]:
        known = self.folders.get(kinds.ALIASES.get(folder, folder))
        return super().directories(folder) if known is None else map(Path, known[0])

    def accepts(self, folder: str, filename: str) -> bool:
        known = self.folders.get(kinds.ALIASES.get(folder, folder))
        if known is None:
            return super().accepts(folder, filename)
        return not known[1] or os.path.splitext(filename)[1].lower() in known[1]
