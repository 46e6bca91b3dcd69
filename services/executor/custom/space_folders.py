"""Local folders for every space of files: packs see those of the user for whom they work just now."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from services.executor.custom.local_folders import KEPT_BYTES, LocalFolders, SharedFiles
from services.executor.engine.context import current_space
from services.files.spaces import FOLDER

#: Spaces whose folders are kept beside everybody's; those that were used longest ago go first.
MOST_SPACES = 16


class SharedSpaces(SharedFiles, Protocol):
    """The files of a file service, of which there are some for each user."""

    def within(self, user: str, owner: str = "") -> SharedFiles:
        """The files as seen within the space of a user; what is written counts towards the quota of `owner`."""
        ...


class SpaceFolders:
    """The folders of every space, below `top`, which is made empty and is this process's own.

    Attributes:
        running: the space of the prompt that runs, for threads that a node has started.
    """

    def __init__(self, top: Path, files: SharedSpaces) -> None:
        self.top = top
        self.running = ""
        self._files = files
        self._everybodys = LocalFolders(top, files)
        self._folders: OrderedDict[str, LocalFolders] = OrderedDict()

    @property
    def current(self) -> LocalFolders:
        """Those of the run or the request that this is part of."""
        return self.of(self.user)

    @property
    def user(self) -> str:
        """Whose they are; empty for everybody's."""
        space = current_space()
        return self.running if space is None else space

    def of(self, user: str) -> LocalFolders:
        """Those of the space of a user, everybody's for no user."""
        if not user:
            return self._everybodys
        if user not in self._folders:
            files = self._files.within(user, user)
            self._folders[user] = LocalFolders(self.top / FOLDER / user, files, KEPT_BYTES // MOST_SPACES)
            if len(self._folders) > MOST_SPACES:
                self._folders.popitem(last=False)[1].remove()
        self._folders.move_to_end(user)
        return self._folders[user]
