"""`/upload/image`: bring a file."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.errors import ResourceExhausted
from services.gateway.backends import Backends
from services.gateway.errors import BadRequest, StorageFull
from services.gateway.multipart import received_form
from services.gateway.responses import json_response
from services.gateway.translate.upload import upload_name, upload_policy, uploaded


async def upload_image(backends: Backends, request: Request) -> Response:
    """Store the form's file; the answer names it, since another file may have had its name."""
    async with received_form(request, backends.max_upload_bytes) as form:
        file = form.files.get("image")
        if file is None:
            raise BadRequest("image: the form has no file of this name", field="image")
        name = upload_name(file.filename, form.fields)
        try:
            info = await backends.files.write(name, file.content(), upload_policy(form.fields), expected_size=file.size)
        except ResourceExhausted as error:
            raise StorageFull(error.message) from error
    return json_response(uploaded(info.name))
