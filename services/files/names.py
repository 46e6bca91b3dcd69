"""The path rules: what may be a name, how people's spellings become one, where a name lies on disk.

A name is kept as it was sent, code point for code point: "é" as one code point and as two are two names, and so are "A"
and "a", as on the file systems of Linux. What only looks like a path that leaves its folder is refused all the same.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata

from services.errors import InvalidArgument
from services.files.records import FileKind, FileName

#: What file systems allow for one part of a path, in UTF-8.
MAX_PART_BYTES = 255

#: Leaves room for the data directory in front, in the 4096 bytes that Linux allows for a path.
MAX_SUBFOLDER_BYTES = 2048

#: Folders in folders; nobody needs as many, and a walk down a tree must end.
MAX_SUBFOLDER_PARTS = 64

#: The folder, in that of a kind of models, where contents wait until they get a name; nothing in it has one.
INCOMING = ".incoming"

#: Kinds that ComfyUI lets a name end with, as in "cat.png [output]".
_ANNOTATIONS = (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)

# Control characters, line separators and halves of surrogate pairs: in no honest name, and trouble in headers and logs.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What turns the direction of the text around it, so that "cat\u202egnp.exe" is shown as a picture. Marks that concern
# their neighbours alone are in names that people and messengers give.
_TURNING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# Most names: what no other rule here has anything to say about.
_PLAIN = re.compile(r"(?!con|prn|aux|nul|com[0-9]|lpt[0-9])[a-z0-9_][a-z0-9_ .()-]{0,254}", re.IGNORECASE | re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:")
# Windows opens a device for these, whatever extension follows.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
# What NFKC, or the encodings of Windows, make a separator of.
_SEPARATOR_LOOK = re.compile(r"[/\\\u2044\u2215\u29f5\u29f8]")


def validate(name: FileName) -> None:
    """Check that a file can have this name.

    Raises:
        InvalidArgument: it cannot; the message says why.
    """
    validate_subfolder(name.subfolder)
    _validate_part(name.filename, "filename")
    if name.kind is FileKind.MODELS and not name.subfolder:
        raise InvalidArgument(f"{name.filename!r} is not a model's name: its subfolder starts with a model folder")
    if name.kind is FileKind.MODELS and INCOMING in name.subfolder.split("/"):
        raise InvalidArgument(f"{INCOMING!r} holds no models")


def validate_subfolder(subfolder: str) -> None:
    """Check that a folder can have this name; the empty one is the top.

    Raises:
        InvalidArgument: it cannot; the message says why.
    """
    if not subfolder:
        return
    if len(subfolder.encode("utf-8", "surrogatepass")) > MAX_SUBFOLDER_BYTES:
        raise InvalidArgument(f"subfolder {_shortened(subfolder)} is longer than {MAX_SUBFOLDER_BYTES} bytes")
    if subfolder.startswith("/"):
        raise InvalidArgument(f"subfolder {subfolder!r} is absolute")
    parts = subfolder.split("/")
    if len(parts) > MAX_SUBFOLDER_PARTS:
        raise InvalidArgument(f"subfolder {_shortened(subfolder)} has more than {MAX_SUBFOLDER_PARTS} parts")
    for part in parts:
        _validate_part(part, "subfolder")


def is_valid(name: FileName) -> bool:
    """Whether a file can have this name."""
    try:
        validate(name)
    except InvalidArgument:
        return False
    return True


def is_filename(name: FileName) -> bool:
    """Whether a file can have this name in a subfolder that can have files."""
    return _complaint(name.filename) is None and (name.kind is not FileKind.MODELS or bool(name.subfolder))


def parse(kind: FileKind, subfolder: str, filename: str) -> FileName:
    """The name that a person means: the subfolder may hold ".", "..", "//" and a trailing "/" while it stays inside.

    Raises:
        InvalidArgument: the subfolder leaves the kind's folder, or this is not a name.
    """
    name = FileName(kind, _normalised(subfolder, "subfolder"), filename)
    validate(name)
    return name


def parse_path(kind: FileKind, path: str) -> FileName:
    """The name behind a path relative to the kind's folder, such as "holiday/cat.png".

    Raises:
        InvalidArgument: as `parse`.
    """
    subfolder, filename = posixpath.split(_normalised(path, "path"))
    return parse(kind, subfolder, filename)


def parse_annotated(text: str, default: FileKind = FileKind.INPUT) -> FileName:
    """The name behind ComfyUI's "holiday/cat.png [output]": a path, and the kind where it is not `default`.

    Raises:
        InvalidArgument: as `parse`.
    """
    for kind in _ANNOTATIONS:
        path = text.removesuffix(f" [{kind.value}]")
        if path != text:
            return parse_path(kind, path)
    return parse_path(default, text)


def parse_prefix(kind: FileKind, text: str) -> FileName:
    """The name to number behind ComfyUI's `filename_prefix`, such as "holiday/cat"; its filename is the prefix.

    As in ComfyUI, "dir/" is the prefix "dir" at the top, and "" is the prefix ".".

    Raises:
        InvalidArgument: as `parse`.
    """
    subfolder, prefix = posixpath.split(_normalised(text, "filename prefix"))
    name = FileName(kind, subfolder, prefix or ".")
    validate(numbered(name, 1, ""))
    return name


def parse_model(folder: str, name: str) -> FileName:
    """The model behind a name in a model folder, such as "sd/tiny.safetensors" in "checkpoints".

    Raises:
        InvalidArgument: as `parse`, or it leaves the model folder.
    """
    model = parse_path(FileKind.MODELS, posixpath.join(folder, name))
    if not model.path.startswith(f"{folder}/"):
        raise InvalidArgument(f"{_shortened(name)} is not the name of a model: it leaves {folder}")
    return model


def file_name(text: str) -> FileName:
    """The file whose name is written as kind and path, such as "input/holiday/cat.png".

    Raises:
        InvalidArgument: there is no such kind, or this is not a name.
    """
    kind, _, path = text.partition("/")
    if kind not in {it.value for it in FileKind}:
        raise InvalidArgument(f"{_shortened(text)} begins with no kind of file")
    subfolder, _, filename = path.rpartition("/")
    name = FileName(FileKind(kind), subfolder, filename)
    validate(name)
    return name


def numbered(prefix: FileName, number: int, extension: str) -> FileName:
    """The name with ComfyUI's counter: "cat" becomes "cat_00001_.png"."""
    return FileName(prefix.kind, prefix.subfolder, f"{prefix.filename}_{number:05}_{extension}")


def resolve(top: str, path: str) -> str:
    """Where `path` lies under the folder `top` once all symbolic links are followed; neither needs to exist.

    Args:
        top: absolute, itself free of links.
        path: relative, of valid parts.

    Raises:
        InvalidArgument: a link leads out of `top`.
    """
    place = os.path.realpath(os.path.join(top, path))
    if place != top and not place.startswith(top.rstrip("/") + "/"):
        raise InvalidArgument(f"{path!r} leads out of its folder")
    return place


def _normalised(path: str, what: str) -> str:
    normal = posixpath.normpath(path)
    if normal.startswith("/"):
        raise InvalidArgument(f"{what} {_shortened(path)} is absolute")
    if normal.split("/", 1)[0] == "..":
        raise InvalidArgument(f"{what} {_shortened(path)} leaves its folder")
    return "" if normal == "." else normal


def _validate_part(part: str, what: str) -> None:
    complaint = _complaint(part)
    if complaint:
        raise InvalidArgument(f"{what} part {_shortened(part)} {complaint}" if part else f"{what} has an empty part")


def _complaint(part: str) -> str | None:
    if _PLAIN.fullmatch(part):
        return None
    if part in ("", ".", ".."):
        return "is not a name"
    if "/" in part or "\\" in part:
        return "holds a path separator"
    if _FORBIDDEN.search(part):
        return "holds a control character"
    if _TURNING.search(part):
        return "holds a character that turns the direction of text"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"is longer than {MAX_PART_BYTES} bytes"
    return _complaint_about_look(part if part.isascii() else unicodedata.normalize("NFKC", part))


def _complaint_about_look(look: str) -> str | None:
    """About what a part becomes where full-width letters, dot leaders and the like are taken for what they look like.

    The file systems, shells and proxies of others do that.
    """
    steps = _SEPARATOR_LOOK.split(look)
    if look == "." or ".." in steps or (len(steps) > 1 and not steps[0]):
        return "looks like a path that leaves its folder"
    if _DRIVE.match(look):
        return "starts with a drive letter"
    if _DEVICE.fullmatch(look):
        return "is reserved"
    return None


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= 100 else repr(text[:100] + "…")
