"""The names, whichever database they are in."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from services.errors import NotFound
from services.files import names as rules
from services.files.records import FileInfo, FileKind, FileName, Target
from services.files.stores import paging
from services.files.stores.names import folders
from services.files.stores.names.change import Change, key_of
from services.files.stores.names.records import Content, Named
from services.files.stores.names.steps import Steps, Transaction, first, statement

T = TypeVar("T")


class Names(ABC):
    """Names of files, their contents' digests and owners, and the objects that hold contents.

    Every method raises `Unavailable` when the database cannot be used. Changes are durable when they are answered.
    """

    def __init__(self, quota: int = 0) -> None:
        """Names whose owners may have `quota` bytes each, or as much as they like when it is 0."""
        self._quota = quota

    async def __aenter__(self) -> Self:
        """Open; raises `InvalidArgument` or `FailedPrecondition` when that cannot be."""
        return self

    @abstractmethod
    async def __aexit__(self, *_: object) -> None:
        """Close."""

    @abstractmethod
    async def read(self, transaction: Transaction[T]) -> T:
        """What a transaction finds that changes nothing."""

    @abstractmethod
    async def change(self, transaction: Transaction[T]) -> T:
        """What a transaction answers, once what it did is durable; it may be carried out anew from its beginning."""

    async def identity(self) -> str:
        """Which database this is: the same for whoever opens it."""

        def identify() -> Steps[str]:
            yield from statement("identify", uuid.uuid4().hex)
            ((identity,),) = yield from statement("identity")
            return str(identity)

        return await self.change(identify)

    async def find(self, name: FileName) -> Named:
        """A file.

        Raises:
            NotFound: no such name.
        """
        rules.validate(name)
        rows = await self.read(
            lambda: statement("find", name.kind.value, folders.key_of(name.subfolder), name.filename)
        )
        if not rows:
            raise NotFound(f"there is no {name}")
        blake3, size, modified_us, held = rows[0]
        return Named(FileInfo(name, size, blake3, modified_us / 1e6), held)

    async def find_content(self, blake3: str) -> Named:
        """Any file of a content.

        Raises:
            NotFound: no name has it.
        """
        rows = await self.read(lambda: statement("find_content", blake3))
        if not rows:
            raise NotFound(f"there is no content with the digest {blake3}")
        kind, folder, filename, _, size, modified_us, held = rows[0]
        name = FileName(FileKind(kind), folders.subfolder_of(folder), filename)
        return Named(FileInfo(name, size, blake3, modified_us / 1e6), held)

    async def has_content(self, blake3: str) -> bool:
        """Whether there is an object for a content; it may be gone when it is to get a name (`ContentGone`)."""
        return bool(await self.read(lambda: statement("find_blob", blake3)))

    async def page(
        self, kind: FileKind, subfolder: str, recursive: bool, limit: int, after: paging.SortKey
    ) -> list[FileInfo]:
        """Files of a folder in order, behind a sort key."""
        parts, filename = after
        position = (folders.key_of("/".join(parts)), filename)
        values = (kind.value, *position, *folders.bounds(subfolder, recursive), limit)
        return [
            FileInfo(FileName(kind, folders.subfolder_of(folder), filename), size, blake3, modified_us / 1e6)
            for folder, filename, blake3, size, modified_us in await self.read(lambda: statement("page", *values))
        ]

    async def children(self, kind: FileKind, subfolder: str) -> Sequence[str]:
        """The folders in a folder, in order."""
        rows = await self.read(lambda: statement("children", kind.value, *folders.below(subfolder)))
        return [child for (child,) in rows]

    async def usage(self, owner: str, without: FileName | None = None) -> int:
        """The bytes of an owner's files together, less those of one file if it is the owner's."""

        def usage() -> Steps[int]:
            total = first((yield from statement("usage", owner)))
            found = first((yield from statement("present", *key_of(without)))) if without else None
            return (total[0] if total else 0) - (found[1] if found and found[3] == owner else 0)

        return await self.read(usage)

    async def place(
        self, target: Target, content: Content, then: Callable[[Named], Steps[None]] | None = None
    ) -> Named:
        """Give a content its name, and do something more in the same transaction; raises as it and `Change.place`."""

        def place() -> Steps[Named]:
            named = yield from self.starting().place(target, content)
            if then is not None:
                yield from then(named)
            return named

        return await self.change(place)

    async def move(self, source: FileName, target: FileName, *, replace: bool) -> FileInfo:
        """Give a file another name; raises as `FileStore.move`."""
        return await self.change(lambda: self.starting().move(source, target, replace=replace))

    async def delete(self, name: FileName, *, before: float | None = None) -> None:
        """Take a name away, with `before` only if it was last written by then; raises as `Change.delete`."""
        rules.validate(name)
        before_us = None if before is None else round(before * 1e6)
        await self.change(lambda: self.starting().delete(name, before_us=before_us))

    def starting(self) -> Change:
        """A change that happens now."""
        return Change(now_us(), self._quota)


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000
