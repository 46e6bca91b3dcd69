"""`POST /upload/image`: where a file is to go, and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.errors import InvalidArgument
from services.files import names
from services.files.records import FileKind, FileName, OnConflict
from services.gateway.errors import BadRequest

_KINDS = {kind.value: kind for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)}


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


def uploaded(name: FileName) -> dict[str, Any]:
    """The answer: the name that the file got."""
    return {"name": name.filename, "subfolder": name.subfolder, "type": name.kind.value}
