"""Models from folders of this machine, beneath files that are elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self, TypeVar

from services.errors import NotFound
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.stores import base, paging

T = TypeVar("T")


class WithLocalModels(base.FileStore):
    """Two stores as one: everything is the first one's; a model that it has not may be found in the second one."""

    def __init__(self, files: base.FileStore, local: base.FileStore) -> None:
        """Both are opened and closed with this one."""
        self._files = files
        self._local = local
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._local)
            await opening.enter_async_context(self._files)
            self._opened = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

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
        return await self._files.write(
            name,
            chunks,
            on_conflict,
            numbered_extension=numbered_extension,
            expected_blake3=expected_blake3,
            expected_size=expected_size,
            replaced_blake3=replaced_blake3,
            owner=owner,
        )

    async def write_model(self, target: Target, chunks: AsyncIterable[bytes]) -> FileInfo:
        return await self._files.write_model(target, chunks)

    async def begin_upload(self, target: Target) -> Upload:
        return await self._files.begin_upload(target)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        return await self._files.append_upload(upload_id, offset, chunks)

    async def get_upload(self, upload_id: str) -> Upload:
        return await self._files.get_upload(upload_id)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        return await self._files.commit_upload(upload_id, size, blake3=blake3)

    async def abort_upload(self, upload_id: str) -> None:
        await self._files.abort_upload(upload_id)

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[base.OpenFile]:
        async with AsyncExitStack() as stack:

            async def opened(store: base.FileStore) -> base.OpenFile:
                return await stack.enter_async_context(store.open(source, offset=offset, length=length))

            yield await self._first(source, opened)

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        return await self._first(name, lambda store: store.stat(name, digest=digest))

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
            for store in (self._stores(kind))
        ]
        files = {file.name: file for page, _ in reversed(pages) for file in page}
        limit = paging.page_limit(page_size)
        page = sorted(files.values(), key=lambda file: paging.sort_key(file.name))[:limit]
        is_last = len(files) <= limit and not any(token for _, token in pages)
        return page, "" if is_last else paging.token_after(page[-1].name)

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        return sorted({it for store in self._stores(kind) for it in await store.list_folders(kind, subfolder)})

    async def delete(self, name: FileName) -> None:
        await self._files.delete(name)

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        return await self._files.move(source, target, on_conflict)

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
            return await self._files.copy(
                source, target, on_conflict, numbered_extension=numbered_extension, owner=owner
            )
        except NotFound:
            if not _may_be_local(source):
                raise
        async with self._local.open(source) as file:
            return await self._files.write(
                target, file, on_conflict, numbered_extension=numbered_extension, owner=owner
            )

    def _stores(self, kind: FileKind) -> Sequence[base.FileStore]:
        return (self._files, self._local) if kind is FileKind.MODELS else (self._files,)

    async def _first(self, source: FileName | str, find: Callable[[base.FileStore], Awaitable[T]]) -> T:
        """What the first store finds that has it."""
        try:
            return await find(self._files)
        except NotFound:
            if not _may_be_local(source):
                raise
            return await find(self._local)


def _may_be_local(source: FileName | str) -> bool:
    return isinstance(source, str) or source.kind is FileKind.MODELS
