"""A file store that is another process."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Self, TypeVar

from msgspec import structs

from services.errors import NotFound, Unimplemented
from services.files import convert, seen_here
from services.files.assets.client import AssetClient
from services.files.chunks import CHUNK_BYTES, one_chunk
from services.files.locations import FileLocation
from services.files.models.client import ModelClient
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target, Upload
from services.files.retention.records import Garbage
from services.files.spaces import EVERYBODYS, Space
from services.files.stores.base import FilePage, FileStore, part_to_read
from services.files.stores.open_file import OpenFile
from services.files.streaming import send
from services.rpc.channel import CALL_TIMEOUT, call, open_channel, stream
from services.rpc.security import NONE, Security
from silverprint.files.v1 import files_pb2 as pb
from silverprint.files.v1 import files_pb2_grpc

T = TypeVar("T")

#: Seconds that the digest of a file may take to compute: a large checkpoint on a slow disk.
HASH_TIMEOUT = 600.0


class FileClient(FileStore):
    """The file service at a target; raises what the service raises, and `Unavailable` when it is not there."""

    def __init__(self, target: str, security: Security = NONE) -> None:
        """A client of `host:port`; it connects when it is first used."""
        #: where the service is
        self.target = target
        self._channel = open_channel(target, security)
        self._stub: files_pb2_grpc.FileServiceAsyncStub = files_pb2_grpc.FileServiceStub(self._channel)
        #: what the service says about models
        self.models = ModelClient(self._stub)
        #: what users know about contents
        self.assets = AssetClient(self._stub)
        #: where its names are
        self.space = EVERYBODYS

    def within(self, user: str) -> Self:
        """The same client within the space of a user, where files of others have no names; itself for no user."""
        if not user:
            return self
        inside = copy.copy(self)
        inside.space = Space(user)
        inside.assets = AssetClient(self._stub, inside.space)
        return inside

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

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
        target = Target(name, on_conflict, numbered_extension, expected_blake3, expected_size, replaced_blake3, owner)
        header = self._header(target)
        writing: Any = self._stub.Write()
        try:
            await send(writing, pb.WriteRequest(header=header), chunks)
            response: pb.WriteResponse = await self._call(writing)
            return self._info(response.file)
        finally:
            # Without effect on a call that is over; otherwise nothing may be left behind.
            writing.cancel()

    async def put(
        self,
        name: FileName,
        content: bytes,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        replaced_blake3: str | None = None,
        owner: str = "",
    ) -> FileInfo:
        """Store a content that is at hand; as `write`, and cheaper when it is small."""
        if len(content) > CHUNK_BYTES:
            return await self.write(
                name,
                one_chunk(content),
                on_conflict,
                numbered_extension=numbered_extension,
                replaced_blake3=replaced_blake3,
                owner=owner,
            )
        target = Target(name, on_conflict, numbered_extension, replaced_blake3=replaced_blake3, owner=owner)
        request = pb.PutRequest(header=self._header(target), data=content)
        response = await self._call(self._stub.Put(request, timeout=CALL_TIMEOUT))
        return self._info(response.file)

    async def begin_upload(self, target: Target) -> Upload:
        request = pb.BeginUploadRequest(header=self._header(target))
        response = await self._call(self._stub.BeginUpload(request, timeout=CALL_TIMEOUT))
        return convert.upload_from_message(response.upload)

    async def append_upload(self, upload_id: str, offset: int, chunks: AsyncIterable[bytes]) -> Upload:
        with convert.message_errors():
            header = pb.AppendUploadHeader(upload_id=upload_id, offset=offset)
        appending: Any = self._stub.AppendUpload()
        try:
            await send(appending, pb.AppendUploadRequest(header=header), chunks, commit=False)
            response: pb.AppendUploadResponse = await self._call(appending)
            return convert.upload_from_message(response.upload)
        finally:
            appending.cancel()

    async def get_upload(self, upload_id: str) -> Upload:
        with convert.message_errors():
            request = pb.GetUploadRequest(upload_id=upload_id)
        response = await self._call(self._stub.GetUpload(request, timeout=CALL_TIMEOUT))
        return convert.upload_from_message(response.upload)

    async def commit_upload(self, upload_id: str, size: int, *, blake3: str | None = None) -> FileInfo:
        with convert.message_errors():
            request = pb.CommitUploadRequest(upload_id=upload_id, size_bytes=size, blake3=blake3 or "")
        response = await self._call(self._stub.CommitUpload(request, timeout=HASH_TIMEOUT))
        return self._info(response.file)

    async def abort_upload(self, upload_id: str) -> None:
        with convert.message_errors():
            request = pb.AbortUploadRequest(upload_id=upload_id)
        await self._call(self._stub.AbortUpload(request, timeout=CALL_TIMEOUT))

    @asynccontextmanager
    async def open(self, source: FileName | str, *, offset: int = 0, length: int = 0) -> AsyncIterator[OpenFile]:
        with convert.message_errors():
            request = pb.ReadRequest(offset=offset, length=length)
            self._name_source(request, source)
        reading: Any = self._stub.Read(request)
        try:
            responses: AsyncIterator[pb.ReadResponse] = stream(reading)
            with self.space.errors():
                first = await anext(responses)
            info = self._info(first.file)
            start, end = part_to_read(info.size, offset, length)
            async with aclosing(self._content(info, reading, responses, start, end)) as chunks:
                yield OpenFile(info, chunks)
        finally:
            reading.cancel()

    async def _content(
        self, info: FileInfo, reading: Any, responses: AsyncIterator[pb.ReadResponse], start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        """What was asked for of a file: as it comes, or from where this process sees it too."""
        location = await self._location(info) if end - start >= seen_here.WORTHWHILE else None
        descriptor = await asyncio.to_thread(seen_here.open_here, location, info) if location else None
        if location is None or descriptor is None:
            async for response in responses:
                yield response.data
            return
        reading.cancel()
        async with aclosing(seen_here.chunks_here(location, descriptor, start, end)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _location(self, info: FileInfo) -> FileLocation | None:
        try:
            return await self.locate(info.name)
        except (NotFound, Unimplemented):
            return None

    async def stat(self, name: FileName, *, digest: bool = False) -> FileInfo:
        request = pb.StatRequest(name=self._name(name), digest_wanted=digest)
        response = await self._call(self._stub.Stat(request, timeout=HASH_TIMEOUT if digest else CALL_TIMEOUT))
        return self._info(response.file)

    async def locate(self, name: FileName) -> FileLocation | None:
        request = pb.LocateRequest(name=self._name(name))
        response = await self._call(self._stub.Locate(request, timeout=CALL_TIMEOUT))
        return convert.location_from_message(response.location) if response.HasField("location") else None

    async def list(
        self,
        kind: FileKind,
        subfolder: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        page_token: str = "",
    ) -> FilePage:
        with convert.message_errors():
            request = pb.ListRequest(
                kind=convert.kind_to_message(kind),
                subfolder=self.space.folder(kind, subfolder),
                recursive=recursive,
                page_size=page_size,
                page_token=page_token,
            )
        response = await self._call(self._stub.List(request, timeout=CALL_TIMEOUT))
        return [self._info(file) for file in response.files], response.next_page_token

    async def list_folders(self, kind: FileKind, subfolder: str = "") -> Sequence[str]:
        with convert.message_errors():
            inside = self.space.folder(kind, subfolder)
            request = pb.ListFoldersRequest(kind=convert.kind_to_message(kind), subfolder=inside)
        return list((await self._call(self._stub.ListFolders(request, timeout=CALL_TIMEOUT))).folders)

    async def delete(self, name: FileName) -> None:
        await self._call(self._stub.Delete(pb.DeleteRequest(name=self._name(name)), timeout=CALL_TIMEOUT))

    async def move(self, source: FileName, target: FileName, on_conflict: OnConflict) -> FileInfo:
        request = pb.MoveRequest(
            source=self._name(source),
            target=self._name(target),
            on_conflict=convert.policy_to_message(on_conflict),
        )
        response = await self._call(self._stub.Move(request, timeout=CALL_TIMEOUT))
        return self._info(response.file)

    async def collect_garbage(self, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        """Have the service remove what nobody needs, or only say what that is; each thing as it goes."""
        collecting: Any = self._stub.CollectGarbage(pb.CollectGarbageRequest(dry_run=dry_run))
        try:
            async for garbage in stream(collecting):
                yield convert.garbage_from_message(garbage)
        finally:
            collecting.cancel()

    async def copy(
        self,
        source: FileName | str,
        target: FileName,
        on_conflict: OnConflict,
        *,
        numbered_extension: str = "",
        owner: str = "",
    ) -> FileInfo:
        with convert.message_errors():
            request = pb.CopyRequest(
                target=self._name(target),
                on_conflict=convert.policy_to_message(on_conflict),
                numbered_extension=numbered_extension,
                owner=owner,
            )
            self._name_source(request, source)
        response = await self._call(self._stub.Copy(request, timeout=HASH_TIMEOUT))
        return self._info(response.file)

    # Between the names here and those of the service.

    async def _call(self, answer: Awaitable[T]) -> T:
        with self.space.errors():
            return await call(answer)

    def _name(self, name: FileName) -> pb.FileName:
        return convert.name_to_message(self.space.placed(name))

    def _name_source(self, request: pb.ReadRequest | pb.CopyRequest, source: FileName | str) -> None:
        if isinstance(source, FileName):
            request.name.CopyFrom(self._name(source))
        else:
            request.blake3 = source

    def _header(self, target: Target) -> pb.WriteHeader:
        return convert.target_to_message(structs.replace(target, name=self.space.placed(target.name)))

    def _info(self, message: pb.FileInfo) -> FileInfo:
        return self.space.described(convert.info_from_message(message))
