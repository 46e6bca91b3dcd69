"""`/view`: a stored file, whole or in part, as it is or converted."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from services.files.records import FileName
from services.gateway.backends import Backends
from services.gateway.content_types import content_headers, disposition
from services.gateway.operations import FILE, Parameter, operation
from services.gateway.pictures.converter import Source
from services.gateway.pictures.orders import Conversion
from services.gateway.responses import HeldResponse
from services.gateway.stored_files import stored_file
from services.gateway.translate.view import requested_conversion, requested_file


@operation(
    "viewImage",
    "image",
    parameters=[
        Parameter("filename", 'the file; "NAME [TYPE]" says its type too', required=True),
        Parameter("type", "output when there is none", Literal["input", "output", "temp"]),
        Parameter("subfolder", "where the file is within its type"),
        Parameter("preview", 'a format, webp or jpeg, and a quality: "webp;90"'),
        Parameter("channel", "which channels of a picture: rgb, a or rgba"),
    ],
    answers=FILE,
    errors=[400, 404, 409],
)
async def show(backends: Backends, request: Request) -> Response:
    """The file that the query names."""
    name = requested_file(request.query_params)
    conversion = requested_conversion(request.query_params)
    if conversion is not None:
        return await _converted(backends, name, conversion)
    return await stored_file(backends.files, request, name, content_headers(request, name.filename))


async def _converted(backends: Backends, name: FileName, conversion: Conversion) -> Response:
    async with AsyncExitStack() as stack:
        async with backends.files.open(name) as file:
            source = Source(file.info.size, file)
            picture = await stack.enter_async_context(backends.pictures.converted(conversion, source))
        headers = {
            "Content-Type": conversion.media_type,
            "Content-Length": str(picture.size),
            "Content-Disposition": disposition(name.filename, "inline"),
            "X-Content-Type-Options": "nosniff",
        }
        return HeldResponse(stack.pop_all(), picture.content(), 200, headers)
