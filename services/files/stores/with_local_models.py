"""Models from folders of this machine, beneath files that are elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self, TypeVar

from services.errors import NotFound
from services.files.locations import FileLocation
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.files.retention.records import Garbage, References, no_references
from services.files.stores import base, paging
from services.files.stores.forwarding import ForwardingStore
from services.files.stores.keeping import KeepingStore
from services.files.stores.open_file import OpenFile

T = TypeVar("T")


class WithLocalModels(ForwardingStore):
    """Everything is the first store's; a model that it has not may be found in the second one, to be read."""

    def __init__(self, store: KeepingStore, local: KeepingStore) -> None:
        """Both are opened and closed with this one."""
        super().__init__(store)
        self._local = local
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._local)
            await opening.enter_async_context(self._store)
            self._opened = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        async with AsyncExitStack() as stack:

            async def opened(store: base.FileStore) -> OpenFile:
                return await stack.enter_async_context(store.open(source, offset=offset, length=length))

            yield await self._first(source, opened)

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        return await self._first(name, lambda store: store.stat(name, digest=digest))

    async def locate(self, name: FileName) -> FileLocation | None:
        return await self._first(name, lambda store: store.locate(name))

    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> base.FilePage:
        pages = [
            await store.list(kind, subfolder, recursive=recursive, page_size=page_size, page_token=page_token)
            for store in self._stores(kind)
        ]
        files = {file.name: file for page, _ in reversed(pages) for file in page}
        limit = paging.page_limit(page_size)
        page = sorted(files.values(), key=lambda file: paging.sort_key(file.name))[:limit]
        is_last = len(files) <= limit and not any(token for _, token in pages)
        return page, "" if is_last else paging.token_after(page[-1].name)

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        return sorted({it for store in self._stores(kind) for it in await store.list_folders(kind, subfolder)})

    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        try:
            return await super().copy(source, target, on_conflict, numbered_extension=numbered_extension, owner=owner)
        except NotFound:
            if not _may_be_local(source):
                raise
        async with self._local.open(source) as file:
            return await self.write(target, file, on_conflict, numbered_extension=numbered_extension, owner=owner)

    async def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        for store in (self._store, self._local):
            async for garbage in store.sweep(references, dry_run=dry_run):
                yield garbage

    def _stores(self, kind: FileKind) -> Sequence[base.FileStore]:
        return (self._store, self._local) if kind is FileKind.MODELS else (self._store,)

    async def _first(self, source: FileName | str, find: Callable[[base.FileStore], Awaitable[T]]) -> T:
        """What the first store finds that has it."""
        try:
            return await find(self._store)
        except NotFound:
            if not _may_be_local(source):
                raise
            return await find(self._local)


def _may_be_local(source: FileName | str) -> bool:
    return isinstance(source, str) or source.kind is FileKind.MODELS
