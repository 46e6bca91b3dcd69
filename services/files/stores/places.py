"""The folders on disk that a kind of file is made of."""

from __future__ import annotations

import os

import msgspec

from services.files import names


class Place(msgspec.Struct, frozen=True):
    """A folder that holds a kind of file, or what is below one subfolder of it."""

    #: absolute, free of links
    top: str
    #: the subfolder that it is; empty when it is all of the kind
    inside: str = ""
    #: whether links may lead out of it
    is_open: bool = False

    @classmethod
    def of(cls, folder: str, inside: str = "", *, is_open: bool = False) -> Place:
        """The place of a folder, which may be a link itself."""
        return cls(os.path.realpath(folder), inside, is_open)

    def relative(self, path: str) -> str | None:
        """A path of the kind as it is here; None for one that is elsewhere."""
        if not self.inside:
            return path
        if path == self.inside:
            return ""
        return path.removeprefix(f"{self.inside}/") if path.startswith(f"{self.inside}/") else None

    def resolve(self, path: str) -> str | None:
        """Where a path of the kind lies once all links are followed; None when it is elsewhere.

        Raises:
            InvalidArgument: a link leads out.
        """
        relative = self.relative(path)
        if relative is None:
            return None
        return os.path.realpath(os.path.join(self.top, relative)) if self.is_open else names.resolve(self.top, relative)
