"""A finished content on disk that waits for its name."""

from __future__ import annotations

import os

from services.files.stores.digest_index import Version
from services.files.stores.renaming import rename_to_free


class Content:
    """A file that no reader sees yet. All methods raise `OSError`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.size = 0
        #: of the finished file
        self.version = Version(0, 0)

    def put(self, path: str) -> None:
        """Give the file a path; `FileExistsError` when it is taken."""
        rename_to_free(self._path, path)

    def replace(self, path: str) -> None:
        """Give the file a path instead of what is there."""
        os.replace(self._path, path)
