"""`/upload/image` and `/upload/mask`: bring a file, or the transparency of one that is here."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from services.errors import ResourceExhausted
from services.files.records import FileName
from services.gateway.backends import Backends
from services.gateway.errors import BadRequest, StorageFull
from services.gateway.multipart import Form, UploadedFile, received_form
from services.gateway.pictures import MAX_BYTES
from services.gateway.responses import json_response
from services.gateway.translate.upload import masked_original, upload_name, upload_policy, uploaded


async def upload_image(backends: Backends, request: Request) -> Response:
    """Store the form's file; the answer names it, since another file may have had its name."""
    async with received_form(request, backends.max_upload_bytes) as form:
        file = _image(form)
        return await _store(backends, form, upload_name(file.filename, form.fields), file.content(), file.size)


async def upload_mask(backends: Backends, request: Request) -> Response:
    """Store a picture that is here already under the form's name, with the transparency of the form's file."""
    async with received_form(request, backends.max_upload_bytes) as form:
        file = _image(form)
        name = upload_name(file.filename, form.fields)
        original = await read_picture(backends, masked_original(form.fields))
        _check_size(file.size)
        mask = b"".join([chunk async for chunk in file.content()])
        masked = await backends.pictures.apply_mask(original, mask)
        return await _store(backends, form, name, _whole(masked), len(masked))


async def read_picture(backends: Backends, name: FileName) -> bytes:
    """A stored file, to be converted.

    Raises:
        BadRequest: it is too large for that.
        NotFound: there is none.
    """
    async with backends.files.open(name) as file:
        _check_size(file.info.size)
        return await file.read()


async def _store(backends: Backends, form: Form, name: FileName, content: AsyncIterable[bytes], size: int) -> Response:
    try:
        info = await backends.files.write(name, content, upload_policy(form.fields), expected_size=size)
    except ResourceExhausted as error:
        raise StorageFull(error.message) from error
    return json_response(uploaded(info.name))


def _image(form: Form) -> UploadedFile:
    file = form.files.get("image")
    if file is None:
        raise BadRequest("image: the form has no file of this name", field="image")
    return file


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise BadRequest(f"a file of {size} bytes is too large to convert")


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
