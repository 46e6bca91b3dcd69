"""`/userdata`: the files and folders that requests name, and how they are described."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NotRequired, TypedDict
from urllib.parse import unquote

from services.errors import InvalidArgument, PermissionDenied
from services.files import names
from services.files.records import FileInfo, FileKind, FileName
from services.gateway.errors import BadRequest
from services.gateway.users import RESERVED_PREFIX


class FileDescription(TypedDict):
    """A file: its size in bytes, its times in seconds since the epoch."""

    path: str
    size: int
    modified: float
    created: float


class Entry(TypedDict):
    """A folder or a file by its own name and its path; a file with its size in bytes and its time in seconds."""

    name: str
    path: str
    type: Literal["directory", "file"]
    size: NotRequired[int]
    modified: NotRequired[float]


def named_file(user: str, sent: str) -> FileName:
    """The file of a user behind a parameter of a path; clients that encode it twice mean the same.

    Raises:
        PermissionDenied: it is not the user's.
        BadRequest: it is not a file's name.
    """
    path = _inside(unquote(sent))
    if not path:
        raise BadRequest(f"{sent[:100]!r} is not a file's name")
    subfolder, filename = posixpath.split(path)
    return _parsed(user, subfolder, filename)


def named_folder(user: str, sent: str) -> str:
    """The subfolder of a user behind a query's parameter; raises as `named_file`."""
    path = _inside(sent)
    return _parsed(user, path, "file").subfolder


def path_of(user: str, name: FileName) -> str:
    """How a user names a file."""
    return name.path.removeprefix(f"{user}/")


def description(path: str, info: FileInfo) -> FileDescription:
    """A file under a path."""
    return {"path": path, "size": info.size, "modified": info.modified_at, "created": info.modified_at}


def listing(folder: str, found: Iterable[FileInfo], *, full_info: bool, split: bool) -> list[Any]:
    """The files of a folder by their paths in it: described, or split into their parts, or neither."""
    paths = ((info.name.path.removeprefix(f"{folder}/"), info) for info in found)
    if full_info:
        return [description(path, info) for path, info in paths]
    return [[path, *path.split("/")] if split else path for path, _ in paths]


def entries(user: str, folder: str, found: Iterable[FileInfo]) -> list[Entry]:
    """The folders below a folder, then all files, each by its own name."""
    files = list(found)
    folders = {below for info in files for below in _folders(info.name.subfolder, folder)}
    top = f"{user}/"
    directories = [
        Entry(name=posixpath.basename(path), path=path.removeprefix(top), type="directory") for path in folders
    ]
    described = [
        Entry(
            name=info.name.filename,
            path=path_of(user, info.name),
            type="file",
            size=info.size,
            modified=info.modified_at,
        )
        for info in files
    ]
    return [*_by_name(directories), *_by_name(described)]


def is_reserved(user: str, info: FileInfo) -> bool:
    """Whether a file is the platform's although it lies among the user's."""
    return path_of(user, info.name).startswith(RESERVED_PREFIX)


def _by_name(found: list[Entry]) -> list[Entry]:
    return sorted(found, key=lambda entry: (entry["name"], entry["path"]))


def _folders(subfolder: str, top: str) -> Iterator[str]:
    """The folder, and those above it, below `top`."""
    while subfolder != top:
        yield subfolder
        subfolder = posixpath.dirname(subfolder)


def _inside(path: str) -> str:
    normal = posixpath.normpath(path) if path else ""
    if normal.startswith(("/", RESERVED_PREFIX)) or normal.split("/", 1)[0] == "..":
        raise PermissionDenied(f"{path[:100]!r} is not among the files of this user")
    return "" if normal == "." else normal


def _parsed(user: str, subfolder: str, filename: str) -> FileName:
    try:
        return names.parse(FileKind.USERDATA, posixpath.join(user, subfolder), filename)
    except InvalidArgument as error:
        raise BadRequest(error.message) from error
