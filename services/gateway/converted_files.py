"""Stored pictures as HTTP answers after a conversion."""

from __future__ import annotations

from contextlib import AsyncExitStack

from starlette.responses import Response

from services.files.client import FileClient
from services.files.records import FileName
from services.gateway.content_types import disposition
from services.gateway.pictures.converter import PictureConverter, Source
from services.gateway.pictures.orders import Conversion
from services.gateway.responses import HeldResponse


async def converted_file(
    files: FileClient, pictures: PictureConverter, name: FileName, conversion: Conversion
) -> Response:
    """The converted picture; raises as `FileClient.open` and `PictureConverter.converted`."""
    async with AsyncExitStack() as stack:
        async with files.open(name) as file:
            source = Source(file.info.size, file)
            picture = await stack.enter_async_context(pictures.converted(conversion, source))
        headers = {
            "Content-Type": conversion.media_type,
            "Content-Length": str(picture.size),
            "Content-Disposition": disposition(name.filename, "inline"),
            "X-Content-Type-Options": "nosniff",
        }
        return HeldResponse(stack.pop_all(), picture.content(), 200, headers)
