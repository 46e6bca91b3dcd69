"""What every file store does, whichever backend it has."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Self

from services.errors import DataLoss, InvalidArgument, NotFound, OutOfRange, Unimplemented
from services.files import names
from services.files.locations import FileLocation
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.stores.open_file import OpenFile
from services.files.stores.paging import MAX_PAGE

#: Files, and the token of the page that follows, "" on the last one.
FilePage = tuple[list[FileInfo], str]

#: Seconds after which an upload that nobody goes on with is forgotten.
UPLOAD_LIFE = 24 * 3600.0

#: Uploads at the same time.
MAX_UPLOADS = 1_000

_BLAKE3 = re.compile(r"[0-9a-f]{64}")
_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")


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
        owner: str = "",
    ) -> FileInfo:
        """Store a content and answer with the name it got and its digest; durable on return.

        With NUMBER the name's filename is a prefix and `numbered_extension` (such as ".png") follows the
        counter; numbers only go up, and no two writers get the same. With RENAME a file of the same
        content under one of the candidate names is the answer. With OVERWRITE and `replaced_blake3` the file is
        replaced only while its content has that digest. The file counts towards the quota of `owner`, if that is set.
        An error that `chunks` raises passes through.

        Raises:
            InvalidArgument: the kind is read-only, a part of the subfolder is a file, or OVERWRITE meets a folder.
            AlreadyExists: FAIL, and the name is taken.
            Aborted: the file has not the content that was to be replaced, or is gone.
            DataLoss: the content is not what `expected_blake3` or `expected_size` (bytes) promised.
            ResourceExhausted: there is no space left, or the owner's quota is used up.
        """

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        """Store a model, as `write` stores other files; FAIL or OVERWRITE.

        The one way to write what is read-only otherwise: whoever calls it has `chunks` raise when the content is not
        what a model may be (see `services.files.models.uploads`).

        Raises:
            InvalidArgument: this is no name of a model; and as `write`.
            AlreadyExists, DataLoss, ResourceExhausted: as `write`.
            Unimplemented: this store takes no models.
        """
        raise Unimplemented("this file store takes no models")

    @abstractmethod
    async def begin_upload(self, target: Target) -> Upload:
        """Start an upload that may be interrupted: it survives a lost connection and a restart.

        It is forgotten a day after it was last appended to. Nothing is seen under its name before it is committed.

        Raises:
            InvalidArgument, AlreadyExists: as `write`.
            ResourceExhausted: there are too many uploads, or there is no space left.
        """

    @abstractmethod
    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        """Add to an upload, and say how far it is; durable on return.

        What came is kept even when `chunks` raises, or the caller is cancelled. An append takes over from one that
        still runs.

        Raises:
            NotFound: there is no such upload, or it was committed, aborted or forgotten.
            OutOfRange: it does not go on at `offset`; the message says where.
            InvalidArgument: the id is not one.
            DataLoss: more bytes came than were promised.
            Aborted: another append took over.
            ResourceExhausted: there is no space left; what came is kept.
        """

    @abstractmethod
    async def get_upload(self, upload_id: str) -> Upload:
        """Say how far an upload is; raises `NotFound` and `InvalidArgument` as `append_upload`."""

    @abstractmethod
    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        """Give an upload its name, once it has `size` bytes in all and the digest `blake3`; durable on return.

        Once more it answers the same, until the upload would have been forgotten.

        Raises:
            NotFound: there is no such upload, or it was aborted or forgotten.
            OutOfRange: another size came; the message says where the upload goes on. It is kept.
            DataLoss: the content is not what was promised. The upload is gone.
            AlreadyExists, Aborted, InvalidArgument, ResourceExhausted: as `write`. The upload is kept.
        """

    @abstractmethod
    async def abort_upload(self, upload_id: str) -> None:
        """Forget an upload and what came of it; raises `NotFound` and `InvalidArgument` as `append_upload`."""

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

    async def locate(self, name: FileName) -> FileLocation | None:
        """Where a file lies on the store's host; None where files lie in no folder.

        Raises:
            NotFound: no such name.
        """
        await self.stat(name)
        return None

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

    async def pages(
        self, kind: FileKind, subfolder: str = "", *, recursive: bool = False
    ) -> AsyncIterator[Sequence[FileInfo]]:
        """All that `list` has, page after page; the next one is asked for when it is wanted."""
        token, more = "", True
        while more:
            page, token = await self.list(kind, subfolder, recursive=recursive, page_size=MAX_PAGE, page_token=token)
            more = bool(token)
            yield page

    async def walk(self, kind: FileKind, subfolder: str = "", *, recursive: bool = False) -> AsyncIterator[FileInfo]:
        """All that `list` has, one after the other."""
        async for page in self.pages(kind, subfolder, recursive=recursive):
            for info in page:
                yield info

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

    @abstractmethod
    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        """Give a content one more name, and describe it under that; durable on return.

        The source is a file's name, of whatever kind, or the digest of a content as for `open`. What happens to one
        name later does not concern the other.

        Raises:
            NotFound: no such source.
            Aborted: somebody changed the source meanwhile.
            AlreadyExists, InvalidArgument, ResourceExhausted: as `write`.
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


def check_upload(target: Target) -> None:
    """Check that an upload may begin.

    Raises:
        InvalidArgument: it may not.
    """
    check_target(target.name, target.on_conflict, target.numbered_extension, target.replaced_blake3)
    if target.expected_blake3 is not None:
        check_digest(target.expected_blake3)


def check_writable(kind: FileKind) -> None:
    """Check that files of a kind may be changed.

    Raises:
        InvalidArgument: they are read-only.
    """
    if kind.is_read_only:
        raise InvalidArgument(f"{kind.value} are read-only")


def check_model(target: Target) -> None:
    """Check that a model may be written so.

    Raises:
        InvalidArgument: it may not.
    """
    names.validate(target.name)
    if target.name.kind is not FileKind.MODELS:
        raise InvalidArgument(f"{target.name} is not the name of a model")
    if target.on_conflict not in (OnConflict.FAIL, OnConflict.OVERWRITE):
        raise InvalidArgument(f"a model is not written with the policy {target.on_conflict.value}")


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


def check_upload_id(upload_id: str) -> None:
    """Check that this is how we write the id of an upload.

    Raises:
        InvalidArgument: it is not.
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidArgument("the id of an upload is 32 characters of lowercase hex")


def check_offset(upload: Upload, offset: int) -> None:
    """Check that an upload goes on where the sender thinks.

    Raises:
        OutOfRange: it does not.
    """
    if offset != upload.offset:
        raise OutOfRange(f"upload {upload.upload_id} goes on at offset {upload.offset}, not at {offset}")


def no_upload(upload_id: str) -> NotFound:
    """What is said about an upload that is not there."""
    return NotFound(f"there is no upload {upload_id}: it was never begun, or is over")


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
