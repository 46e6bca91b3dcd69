"""What is kept about names in a database."""

from __future__ import annotations

import msgspec

from services.files.records import FileInfo


class Content(msgspec.Struct, frozen=True):
    """A content that is to get a name."""

    blake3: str
    #: bytes
    size: int
    #: the object that was made for it; None when there is thought to be one already
    object: str | None = None


class Named(msgspec.Struct, frozen=True):
    """A file, and the object that holds its content."""

    info: FileInfo
    object: str


class ContentGone(Exception):
    """No object holds the content (any more): make one."""
