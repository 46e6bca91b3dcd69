"""The query of `/view`: which file, and what to make of it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from services.errors import InvalidArgument, NotFound, PermissionDenied
from services.files import names
from services.files.records import FileKind, FileName
from services.gateway.errors import BadRequest
from services.gateway.pictures.orders import Conversion

_KINDS = {kind.value: kind for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)}

_PREVIEW_FORMATS = ("webp", "jpeg")


def requested_file(query: Mapping[str, str]) -> FileName:
    """The file that `filename`, `subfolder` and `type` name; "NAME [TYPE]" wins over `type`.

    Raises:
        NotFound: there is no filename.
        BadRequest: the filename or the type is none.
        PermissionDenied: the subfolder leaves its kind's folder.
    """
    text = query.get("filename")
    if text is None:
        raise NotFound("filename is missing")
    path, kind = _annotated(text, query.get("type", FileKind.OUTPUT.value))
    if not path or path.startswith("/") or ".." in path:
        raise BadRequest(f"filename: {text[:100]!r} is not a file's name", field="filename")
    try:
        return names.parse(kind, _inside(query.get("subfolder", "")), posixpath.basename(path))
    except InvalidArgument as error:
        raise BadRequest(error.message, field="filename") from error


def requested_conversion(query: Mapping[str, str]) -> Conversion | None:
    """What `preview` ("FORMAT;QUALITY") and `channel` ask for; None for the file as it is."""
    channel = query.get("channel", "rgba")
    if "preview" in query:
        return _preview(query["preview"].split(";"), query.get("channel", ""))
    return Conversion(channel=channel) if channel in ("rgb", "a") else None


def _preview(parts: list[str], channel: str) -> Conversion:
    # A preview whose transparency was asked for cannot be a JPEG.
    transparent = "a" in channel
    wanted = parts[0] if parts[0] in _PREVIEW_FORMATS and not transparent else "webp"
    quality = int(parts[-1][:3]) if parts[-1].isascii() and parts[-1].isdigit() else 90
    return Conversion(channel="rgb" if channel == "rgb" else "rgba", format=wanted, quality=min(max(quality, 1), 100))


def _annotated(text: str, default: str) -> tuple[str, FileKind]:
    for word, kind in _KINDS.items():
        if text.endswith((f" [{word}]", f"[{word}]")):
            return text[: -len(word) - 3], kind
    if default not in _KINDS:
        raise BadRequest(f"type: {default[:32]!r} is none of {', '.join(_KINDS)}", field="type")
    return text, _KINDS[default]


def _inside(subfolder: str) -> str:
    normal = posixpath.normpath(subfolder) if subfolder else ""
    if normal.startswith("/") or normal.split("/", 1)[0] == "..":
        raise PermissionDenied(f"subfolder: {subfolder[:100]!r} leaves its folder")
    return normal
