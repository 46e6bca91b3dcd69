"""Contents as the messages of a stream: a header, data, and a commit where the end has to be told from a cut.

Messages of any type do whose oneof `message` has a `header`, `data` and, where it ends with one, a `commit` with
`size_bytes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc

from services.errors import DataLoss, InvalidArgument, ServiceError
from services.files.chunks import MAX_CHUNK_BYTES, rechunked
from services.files.convert import READY

#: Seconds in which the rest of a small content arrives.
GRACE = 0.1

Context = grpc.aio.ServicerContext[Any, Any]


async def send(call: Any, header: Any, chunks: AsyncIterable[bytes], *, commit: bool = True) -> None:
    """Send a content; stops early when the service has refused it, which the call then tells.

    Args:
        call: a call that takes a stream.
        header: the first message, the others being of its type.
        commit: whether this is the whole content, and to be committed.
    """
    message = type(header)
    if not await _accepted(call, header):
        return
    size = 0
    async for chunk in rechunked(chunks):
        if not await _sent(call, message(data=chunk)):
            return
        size += len(chunk)
    if commit and not await _sent(call, message(commit={"size_bytes": size})):
        return
    with suppress(asyncio.InvalidStateError):
        await call.done_writing()


@asynccontextmanager
async def receiving(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[AsyncIterator[bytes]]:
    """The data that follows a header. Its sender may die: only the commit tells the end from a cut.

    Raises:
        InvalidArgument: (while iterating) something else came, or a chunk is too long.
        DataLoss: (while iterating) the commit is missing, or says another size.
    """
    is_sent = False

    async def received() -> AsyncIterator[bytes]:
        nonlocal is_sent
        await _accept(context)
        is_sent, size = True, 0
        async for request in requests:
            match request.WhichOneof("message"):
                case "data":
                    size += len(request.data)
                    yield _chunk(request.data)
                case "commit":
                    if request.commit.size_bytes != size:
                        raise DataLoss(f"{size} bytes came, {request.commit.size_bytes} were sent")
                    return
                case _:
                    raise InvalidArgument("after the header come data and a commit")
        raise DataLoss(f"the write ended after {size} bytes without its commit")

    try:
        yield received()
    except ServiceError:
        if is_sent:  # what is on its way has to arrive, else gRPC tells the sender of that instead: see `_accepted`
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    async for _ in requests:
                        pass
        raise


async def received_part(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[bytes]:
    """The data that follows a header, where it does not matter whether the end is a cut; raises as `received`."""
    await _accept(context)
    async for request in requests:
        if request.WhichOneof("message") != "data":
            raise InvalidArgument("after the header comes data")
        if request.data:
            yield _chunk(request.data)


async def _accept(context: Context) -> None:
    await context.send_initial_metadata(((READY, "1"),))


async def _accepted(call: Any, header: Any) -> bool:
    """Whether the service wants the data: a refusal that comes while a message is being sent is lost to gRPC's own
    error about the sending."""
    return await _sent(call, header) and READY in await call.initial_metadata()


async def _sent(call: Any, request: Any) -> bool:
    try:
        await call.write(request)
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
        return False
    return True


def _chunk(data: bytes) -> bytes:
    if len(data) > MAX_CHUNK_BYTES:
        raise InvalidArgument(f"a chunk of {len(data)} bytes is longer than {MAX_CHUNK_BYTES}")
    return data
