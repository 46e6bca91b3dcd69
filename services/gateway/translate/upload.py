"""`POST /upload/image` and `/upload/mask`: where a file is to go, and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from services.errors import InvalidArgument
from services.files import names
from services.files.records import FileKind, FileName, OnConflict
from services.gateway.errors import BadRequest
from services.gateway.raw_json import field, members
from services.gateway.translate.view import requested_file

_KINDS = {kind.value: kind for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)}


class UploadResponse(TypedDict):
    """Where a file went."""

    name: str
    subfolder: str
    type: str


def upload_name(filename: str, fields: Mapping[str, str]) -> FileName:
    """The name that an upload asks for.

    Raises:
        BadRequest: type, subfolder or filename is none; the message names it.
    """
    type_ = fields.get("type") or FileKind.INPUT.value
    if type_ not in _KINDS:
        raise BadRequest(f"type: {type_[:32]!r} is none of {', '.join(_KINDS)}", field="type")
    if not filename:
        raise BadRequest("image: the file has no filename", field="image")
    try:
        return names.parse(_KINDS[type_], fields.get("subfolder", ""), filename)
    except InvalidArgument as error:
        raise BadRequest(error.message, field="subfolder" if "subfolder" in error.message else "image") from error


def upload_policy(fields: Mapping[str, str]) -> OnConflict:
    """What to do when the name is taken; only "true" and "1" replace."""
    return OnConflict.OVERWRITE if fields.get("overwrite") in ("true", "1") else OnConflict.RENAME


def masked_original(fields: Mapping[str, str]) -> FileName:
    """The picture that a mask is for: `original_ref`, a JSON object of filename, subfolder and type.

    Raises:
        BadRequest: it is missing, or names no file; and as `requested_file` does.
    """
    reference = fields.get("original_ref") or fields.get("originalRef")
    if reference is None:
        raise BadRequest("original_ref is missing", field="original_ref")
    found = members(reference.encode(errors="replace"), "original_ref")
    query: dict[str, str | None] = {
        name: field(found, name, str | None, None) for name in ("filename", "subfolder", "type")
    }
    return requested_file({name: value for name, value in query.items() if value is not None})


def uploaded(name: FileName) -> UploadResponse:
    """The answer: the name that the file got."""
    return {"name": name.filename, "subfolder": name.subfolder, "type": name.kind.value}
