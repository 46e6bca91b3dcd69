"""A finished content on disk that waits for its name."""

from __future__ import annotations

import os

from services.files.stores.digest_index import Version


class Content:
    """A file that no reader sees yet. All methods raise `OSError`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.size = 0
        #: of the finished file
        self.version = Version(0, 0)

    def link(self, path: str) -> None:
        """Give the file a path; `FileExistsError` when it is taken."""
        os.link(self._path, path, follow_symlinks=False)

    def rename(self, path: str) -> None:
        """Give the file a path instead of what is there; its own path is gone then."""
        os.replace(self._path, path)
