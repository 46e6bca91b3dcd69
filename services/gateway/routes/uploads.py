"""`/upload/image` and `/upload/mask`: bring a file, or the transparency of one that is here."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import ResourceExhausted
from services.files.records import FileName
from services.gateway.backends import Backends
from services.gateway.errors import BadRequest, StorageFull
from services.gateway.multipart import Form, UploadedFile, received_form
from services.gateway.operations import FORM, Body, File, json, operation
from services.gateway.pictures.converter import Source
from services.gateway.pictures.orders import Masking
from services.gateway.responses import json_response
from services.gateway.spool import SpooledContent
from services.gateway.translate.upload import UploadResponse, masked_original, upload_name, upload_policy, uploaded


class ImageForm(TypedDict):
    """A file, and where it is to go; a taken name is made another unless it is to be overwritten."""

    image: File
    type: NotRequired[Literal["input", "output", "temp"]]
    subfolder: NotRequired[str]
    overwrite: NotRequired[str]


class MaskForm(ImageForm):
    """A mask, and in JSON the filename, subfolder and type of the picture that it is for."""

    original_ref: str


@operation("uploadImage", "image", body=Body({FORM: ImageForm}), answers={200: json(UploadResponse)}, errors=[409, 507])
async def upload_image(backends: Backends, request: Request) -> Response:
    """Store the form's file; the answer names it, since another file may have had its name."""
    async with received_form(request, backends.max_upload_bytes) as form:
        file = _image(form)
        return await _store(backends, request, form, upload_name(file.filename, form.fields), file)


@operation(
    "uploadMask", "image", body=Body({FORM: MaskForm}), answers={200: json(UploadResponse)}, errors=[404, 409, 507]
)
async def upload_mask(backends: Backends, request: Request) -> Response:
    """Store a picture that is here already under the form's name, with the transparency of the form's file."""
    async with received_form(request, backends.max_upload_bytes) as form:
        file = _image(form)
        name = upload_name(file.filename, form.fields)
        mask = Source(file.size, file.content())
        async with (
            backends.files_of(request).open(masked_original(form.fields)) as original,
            backends.pictures.converted(Masking(), Source(original.info.size, original), mask) as masked,
        ):
            return await _store(backends, request, form, name, masked)


async def _store(backends: Backends, request: Request, form: Form, name: FileName, content: SpooledContent) -> Response:
    policy = upload_policy(form.fields)
    owner = await backends.users.named_by(request)
    try:
        info = await backends.files_of(request).write(
            name, content.content(), policy, expected_size=content.size, owner=owner
        )
    except ResourceExhausted as error:
        raise StorageFull(error.message) from error
    return json_response(uploaded(info.name))


def _image(form: Form) -> UploadedFile:
    file = form.files.get("image")
    if file is None:
        raise BadRequest("image: the form has no file of this name", field="image")
    return file
