"""What every file store does, whichever backend it has."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self

from services.errors import DataLoss, InvalidArgument, OutOfRange
from services.files import names
from services.files.records import FileInfo, FileKind, FileName, OnConflict

#: Files, and the token of the page that follows, "" on the last one.
FilePage = tuple[list[FileInfo], str]

_BLAKE3 = re.compile(r"[0-9a-f]{64}")


class OpenFile:
    """A file that is being read: its description, and its content by iterating (once)."""

    def __init__(self, info: FileInfo, chunks: AsyncIterator[bytes]) -> None:
        self.info = info
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def read(self) -> bytes:
        """All that was asked for, in memory."""
        return b"".join([chunk async for chunk in self._chunks])


class FileStore(ABC):
    """Contents under names; a content is also found by its BLAKE3 digest.

    A file is there completely or not at all: readers never see a part of a write, and a write that
    fails, is cancelled or dies with its process leaves nothing that a reader could see. A file that is
    being read keeps the content it had when it was opened, whatever is written under its name.

    Every operation raises `InvalidArgument` for a name that is none (see `services.files.names`).
    Stores are async context managers: entering prepares, leaving closes.
    """

    async def __aenter__(self) -> Self:
        return self

    @abstractmethod
    async def __aexit__(self, *_: object) -> None:
        """Close; operations that run are finished first."""

    @abstractmethod
    async def write(
        self,
        name: FileName,
        chunks: AsyncIterable[bytes],
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        expected_blake3: str | None = None,
        expected_size: int | None = None,
        replaced_blake3: str | None = None,
    ) -> FileInfo:
        """Store a content and answer with the name it got and its digest; durable on return.

        With NUMBER the name's filename is a prefix and `numbered_extension` (such as ".png") follows the
        counter; numbers only go up, and no two writers get the same. With RENAME a file of the same
        content under one of the candidate names is the answer. With OVERWRITE and `replaced_blake3` the file is
        replaced only while its content has that digest. An error that `chunks` raises passes through.

        Raises:
            InvalidArgument: the kind is read-only, a part of the subfolder is a file, or OVERWRITE meets a folder.
            AlreadyExists: FAIL, and the name is taken.
            Aborted: the file has not the content that was to be replaced, or is gone.
            DataLoss: the content is not what `expected_blake3` or `expected_size` (bytes) promised.
            ResourceExhausted: there is no space left.
        """

    @abstractmethod
    def open(
        self, source: FileName | str, *, offset: int = 0, length: int = 0
    ) -> AbstractAsyncContextManager[OpenFile]:
        """Read a file by name, or any file of a content by its BLAKE3 digest (lowercase hex).

        Chunks begin at `offset` and hold `length` bytes in all, or what there is when that is less or `length` is 0.
        By digest only contents are found whose digest is known: written through the store, or asked for with `stat`.

        Raises:
            NotFound: no such name or digest.
            InvalidArgument: the digest is not one, or a number is negative.
            OutOfRange: the offset lies beyond the end.
            Aborted: (while iterating) somebody changed the file in place.
        """

    @abstractmethod
    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        """Describe a file; with `digest` its digest is computed when it is not known, which reads the file.

        Raises:
            NotFound: no such name.
        """

    @abstractmethod
    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> FilePage:
        """One page of a folder's files; with `recursive` those of its subfolders too.

        Files are ordered by the parts of their subfolder, then by filename, by code point. A folder that does not
        exist is empty. What cannot be named (see `services.files.names`) is left out. What is written or removed
        between two pages may or may not appear; everything else appears exactly once.

        Raises:
            InvalidArgument: the page size is negative, or the token is none that the store gave for this folder.
        """

    @abstractmethod
    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        """The folders in a folder, without those in them, by code point. A folder that does not exist has none.

        Raises:
            InvalidArgument: this is not a folder's name.
        """

    @abstractmethod
    async def delete(self, name: FileName) -> None:
        """Remove a name.

        Raises:
            NotFound: no such name.
            InvalidArgument: the kind is read-only.
        """

    @abstractmethod
    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        """Give a file another name of its kind in one step, and describe it under that; FAIL or OVERWRITE.

        Raises:
            NotFound: no such source.
            AlreadyExists: FAIL, and the target is taken.
            InvalidArgument: the kinds are not the same or are read-only, a part of the target's subfolder is a file,
                OVERWRITE meets a folder, or there is no such policy for moving.
        """


def check_target(
    name: FileName, on_conflict: OnConflict, numbered_extension: str, replaced_blake3: str | None = None
) -> None:
    """Check that something may be written under a name.

    Raises:
        InvalidArgument: it may not.
    """
    if replaced_blake3 is not None:
        check_digest(replaced_blake3)
        if on_conflict is not OnConflict.OVERWRITE:
            raise InvalidArgument("a digest to be replaced goes with OVERWRITE only")
    check_writable(name.kind)
    if on_conflict is OnConflict.NUMBER:
        if not name.filename:
            raise InvalidArgument("the prefix of a numbered name is empty")
        if numbered_extension and not numbered_extension.startswith("."):
            raise InvalidArgument(f"numbered extension {numbered_extension!r} does not start with a dot")
        name = names.numbered(name, 1, numbered_extension)
    elif numbered_extension:
        raise InvalidArgument("a numbered extension goes with NUMBER only")
    names.validate(name)


def check_writable(kind: FileKind) -> None:
    """Check that files of a kind may be changed.

    Raises:
        InvalidArgument: they are read-only.
    """
    if kind.is_read_only:
        raise InvalidArgument(f"{kind.value} are read-only")


def check_move(source: FileName, target: FileName, on_conflict: OnConflict) -> None:
    """Check that a file may be moved.

    Raises:
        InvalidArgument: it may not.
    """
    for name in (source, target):
        check_writable(name.kind)
        names.validate(name)
    if source.kind is not target.kind:
        raise InvalidArgument(f"{source} cannot become {target}: a file stays what it is for")
    if on_conflict not in (OnConflict.FAIL, OnConflict.OVERWRITE):
        raise InvalidArgument(f"a file is not moved with the policy {on_conflict.value}")


def check_digest(blake3: str) -> None:
    """Check that this is how we write a digest.

    Raises:
        InvalidArgument: it is not.
    """
    if not _BLAKE3.fullmatch(blake3):
        raise InvalidArgument("a BLAKE3 digest is 64 characters of lowercase hex")


def check_content(size: int, blake3: str, expected_size: int | None, expected_blake3: str | None) -> None:
    """Check that a content is the one that was promised.

    Raises:
        DataLoss: it is not.
    """
    if expected_size is not None and size != expected_size:
        raise DataLoss(f"{size} bytes came, {expected_size} were promised")
    if expected_blake3 is not None and blake3 != expected_blake3:
        raise DataLoss(f"the content has the digest {blake3}, {expected_blake3} was promised")


def part_to_read(size: int, offset: int, length: int) -> tuple[int, int]:
    """From where to where to read, of a file of `size` bytes.

    Raises:
        InvalidArgument: a number is negative.
        OutOfRange: the offset lies beyond the end.
    """
    if offset < 0 or length < 0:
        raise InvalidArgument(f"offset {offset} and length {length} must not be negative")
    if offset > size:
        raise OutOfRange(f"offset {offset} lies beyond the end at {size}")
    return offset, min(size, offset + length) if length else size
