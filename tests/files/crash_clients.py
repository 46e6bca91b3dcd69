"""Clients that know what their files must be like, whenever the service dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from blake3 import blake3

from services.errors import NotFound, Unavailable
from services.files.chunks import one_chunk
from services.files.client import FileClient
from services.files.records import FileKind, FileName, OnConflict, Target

#: What the client's files are like: path to content.
State = dict[str, bytes]

#: An operation, and what it makes of the state.
Step = tuple[Callable[[FileClient], Awaitable[object]], State]


def content(seed: random.Random) -> bytes:
    """A content of up to a few chunks that says whether it is whole."""
    payload = seed.randbytes(seed.choice((10, 1_000, 100_000, 1_500_000)))
    return blake3(payload).digest() + payload


def is_whole(stored: bytes) -> bool:
    """Whether nothing of a content is missing or wrong."""
    return blake3(stored[32:]).digest() == stored[:32]


async def pieces(whole: bytes) -> AsyncIterator[bytes]:
    """A content in small chunks, with time for others in between."""
    for start in range(0, len(whole), 100_000):
        yield whole[start : start + 100_000]
        await asyncio.sleep(0)


@dataclass
class Client:
    """Works in a folder of its own, one operation after the other."""

    folder: str
    seed: random.Random
    #: what was answered for
    state: State = field(default_factory=dict)
    #: what there will be if the operation under way is done
    after: State | None = None
    #: an upload under way: its id, its content, and how much of it was answered for
    upload: tuple[str, bytes, int] | None = None

    def name(self, path: str) -> FileName:
        return FileName(FileKind.OUTPUT, self.folder, path)

    async def work(self, client: FileClient, answered: Callable[[], None]) -> None:
        """Change files until the service is gone."""
        while True:
            operation, after = self._step()
            self.after = after
            try:
                await operation(client)
            except Unavailable:
                return
            self.state, self.after = after, None
            answered()

    async def check(self, client: FileClient) -> None:
        """Compare what is there after a crash with what was answered for."""
        there = {info.name.filename: info async for info in client.walk(FileKind.OUTPUT, self.folder)}
        found: State = {}
        for path in there:
            async with client.open(self.name(path)) as file:
                found[path] = await file.read()
        assert all(map(is_whole, found.values())), "a file is not whole"
        assert found in (self.state, self.after), f"{sorted(found)} is neither {sorted(self.state)} nor what was to be"
        for path, stored in found.items():
            info = await client.stat(self.name(path), digest=True)
            assert info.blake3 == blake3(stored).hexdigest()
        self.state, self.after = found, None
        await self._finish_upload(client)

    async def _finish_upload(self, client: FileClient) -> None:
        """Go on with an upload that the crash cut."""
        if self.upload is None:
            return
        upload_id, whole, durable = self.upload
        try:
            offset = (await client.get_upload(upload_id)).offset
        except NotFound:
            assert self.state.get("uploaded") == whole, "an upload is gone"
            offset = len(whole)
        assert offset >= durable, "what was answered for is gone"
        if offset < len(whole):
            await client.append_upload(upload_id, offset, one_chunk(whole[offset:]))
        await client.commit_upload(upload_id, len(whole), blake3=blake3(whole).hexdigest())
        self.state, self.upload = self.state | {"uploaded": whole}, None

    def _step(self) -> Step:
        makers = [self._write, self._put, self._number, self._move, self._copy, self._delete, self._upload]
        while True:
            step = self.seed.choice(makers)()
            if step:
                return step

    def _path(self) -> str:
        return self.seed.choice("abcd")

    def _there(self) -> str | None:
        return self.seed.choice([path for path in self.state if path in "abcd"] or [""]) or None

    def _write(self) -> Step:
        path, new = self._path(), content(self.seed)
        return (lambda client: client.write(self.name(path), pieces(new), OnConflict.OVERWRITE)), {
            **self.state,
            path: new,
        }

    def _put(self) -> Step:
        path, new = self._path(), content(self.seed)[:200_000]
        new = blake3(new[32:]).digest() + new[32:]
        return (lambda client: client.put(self.name(path), new, OnConflict.OVERWRITE)), {**self.state, path: new}

    def _number(self) -> Step:
        number = 1 + sum(path.startswith("p_") for path in self.state)
        new = content(self.seed)
        operation = lambda client: client.write(  # noqa: E731
            self.name("p"), pieces(new), OnConflict.NUMBER, numbered_extension=".png"
        )
        return operation, {**self.state, f"p_{number:05}_.png": new}

    def _move(self) -> Step | None:
        source, target = self._there(), self._path()
        if source is None or source == target:
            return None
        after = {**self.state, target: self.state[source]}
        del after[source]
        if target not in self.state:
            return (lambda client: client.move(self.name(source), self.name(target), OnConflict.FAIL)), after
        return (lambda client: client.move(self.name(source), self.name(target), OnConflict.OVERWRITE)), after

    def _copy(self) -> Step | None:
        source, target = self._there(), self._path()
        if source is None:
            return None
        after = {**self.state, target: self.state[source]}
        return (lambda client: client.copy(self.name(source), self.name(target), OnConflict.OVERWRITE)), after

    def _delete(self) -> Step | None:
        path = self._there()
        if path is None:
            return None
        after = {other: stored for other, stored in self.state.items() if other != path}
        return (lambda client: client.delete(self.name(path))), after

    def _upload(self) -> Step:
        whole = content(self.seed)
        return (lambda client: self._uploading(client, whole)), {**self.state, "uploaded": whole}

    async def _uploading(self, client: FileClient, whole: bytes) -> None:
        target = Target(self.name("uploaded"), OnConflict.OVERWRITE)
        upload_id = (await client.begin_upload(target)).upload_id
        self.upload = upload_id, whole, 0
        half = len(whole) // 2
        offset = (await client.append_upload(upload_id, 0, pieces(whole[:half]))).offset
        self.upload = upload_id, whole, offset
        await client.append_upload(upload_id, half, pieces(whole[half:]))
        self.upload = upload_id, whole, len(whole)
        await client.commit_upload(upload_id, len(whole), blake3=blake3(whole).hexdigest())
        self.upload = None
