"""`/view`: a stored file, whole or in part, as it is or converted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.files.records import FileName
from services.gateway.backends import Backends
from services.gateway.content_types import content_headers, disposition
from services.gateway.pictures import Conversion
from services.gateway.routes.uploads import read_picture
from services.gateway.stored_files import stored_file
from services.gateway.translate.view import requested_conversion, requested_file


async def show(backends: Backends, request: Request) -> Response:
    """The file that the query names."""
    name = requested_file(request.query_params)
    conversion = requested_conversion(request.query_params)
    if conversion is not None:
        return await _converted(backends, name, conversion)
    return await stored_file(backends.files, request, name, content_headers(request, name.filename))


async def _converted(backends: Backends, name: FileName, conversion: Conversion) -> Response:
    data = await read_picture(backends, name)
    headers = {
        "Content-Disposition": disposition(name.filename, "inline"),
        "X-Content-Type-Options": "nosniff",
    }
    picture = await backends.pictures.convert(data, conversion)
    return Response(picture, headers=headers, media_type=conversion.media_type)
