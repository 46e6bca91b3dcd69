"""`/view`: a stored file, whole or in part, as it is or converted."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.content_types import content_headers
from services.gateway.converted_files import converted_file
from services.gateway.operations import FILE, Parameter, operation
from services.gateway.stored_files import stored_file
from services.gateway.translate.view import requested_conversion, requested_file


@operation(
    "viewImage",
    "image",
    parameters=[
        Parameter("filename", 'the file; "NAME [TYPE]" says its type too', required=True, example="example_00001_.png"),
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
        return await converted_file(backends.files_of(request), backends.pictures, name, conversion)
    return await stored_file(backends.files_of(request), request, name, content_headers(request, name.filename))
