"""Spaces: the input, output and temp files of each user, apart from those of others.

A space is a folder in each of those kinds. Who works within one knows its files by their names in that folder: the
input "cat.png" of alice is the input "users/alice/cat.png" of the file service. Nobody gets out of a space by a name,
since no name has a part "..". Whoever works in no space sees the files that are everybody's, and the folder of spaces.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from msgspec import structs

from services.errors import ServiceError
from services.files.records import FileInfo, FileKind, FileName

#: The folder that the spaces are in.
FOLDER = "users"

#: What is apart; models, and what node packs bring, are everybody's, and userdata have folders of their own.
KINDS = frozenset({FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP})

Source = TypeVar("Source", FileName, FileName | str)


class Space(msgspec.Struct, frozen=True):
    """The space of a user; the one without a name holds what is everybody's."""

    user: str = ""

    def folder(self, kind: FileKind, subfolder: str) -> str:
        """Where the file service has a folder of this space."""
        if not self._holds(kind):
            return subfolder
        return f"{self._top}/{subfolder}" if subfolder else self._top

    def placed(self, source: Source) -> Source:
        """What the file service calls a file of this space; the digest of a content is what it is."""
        if not isinstance(source, FileName) or not self._holds(source.kind):
            return source
        return structs.replace(source, subfolder=self.folder(source.kind, source.subfolder))

    def shown(self, name: FileName) -> FileName:
        """What a file of the file service is called in this space, if it is of this space."""
        if not self._holds(name.kind):
            return name
        inside = f"{name.subfolder}/".removeprefix(f"{self._top}/")
        return structs.replace(name, subfolder=inside.removesuffix("/"))

    def described(self, info: FileInfo) -> FileInfo:
        """The description of a file, with its name in this space."""
        return structs.replace(info, name=self.shown(info.name)) if self._holds(info.name.kind) else info

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Let what the file service raises speak of files by their names in this space."""
        try:
            yield
        except ServiceError as error:
            if self.user:
                error.args = (error.message.replace(f"{self._top}/", ""),)
            raise

    @property
    def _top(self) -> str:
        return f"{FOLDER}/{self.user}"

    def _holds(self, kind: FileKind) -> bool:
        return bool(self.user) and kind in KINDS


#: What is everybody's.
EVERYBODYS = Space()


def user_of(name: FileName) -> str | None:
    """Whose file it is; None for everybody's."""
    parts = name.path.split("/")
    if name.kind is FileKind.USERDATA:
        return parts[0]
    return parts[1] if name.kind in KINDS and len(parts) > 2 and parts[0] == FOLDER else None
