"""`folder_paths`: maps onto the model folders of this host and the pack's local folders over the file service."""

from __future__ import annotations

import mimetypes
import os
import posixpath
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from services.errors import InvalidArgument, NotFound
from services.executor.custom.pack_host import pack_host
from services.executor.environment import environment
from services.executor.nodes.filename_prefix import name_to_number
from services.files.models.kinds import ALIASES, EXTENSIONS
from services.files.names import parse_annotated, parse_path, resolve
from services.files.records import FileKind, FileName

supported_pt_extensions: set[str] = set(EXTENSIONS)
extension_mimetypes_cache = {"webp": "image", "fbx": "model"}
filename_list_cache: dict[str, Any] = {}

_ANNOTATIONS = ("output", "input", "temp")


def __getattr__(name: str) -> Any:
    """Names whose value depends on the host."""
    host = pack_host()
    match name:
        case "folder_names_and_paths":
            return host.models.folders
        case "models_dir":
            return str(next(iter(host.models.directories("checkpoints")), Path("models")).parent)
        case "base_path":
            return str(host.base)
        case "input_directory" | "output_directory" | "temp_directory":
            return str(host.folders.folder(FileKind(name.removesuffix("_directory"))))
        case "user_directory":
            return get_user_directory()
    raise AttributeError(name)


def get_input_directory() -> str:
    """The folder of inputs, which lists what there is; `get_annotated_filepath` brings a file's content."""
    return str(pack_host().folders.folder(FileKind.INPUT))


def get_output_directory() -> str:
    """The folder to write results to; they are kept once a node shows them."""
    return str(pack_host().folders.folder(FileKind.OUTPUT))


def get_temp_directory() -> str:
    """The folder to write previews to; they are shown once a node says so."""
    return str(pack_host().folders.folder(FileKind.TEMP))


def get_user_directory() -> str:
    """A folder for packs' own settings, kept on this host."""
    folder = pack_host().spaces.top.parent / "user"
    folder.mkdir(exist_ok=True)
    return str(folder)


def get_directory_by_type(type_name: str) -> str | None:
    """The folder of "input", "output" or "temp", None for anything else."""
    return str(pack_host().folders.folder(FileKind(type_name))) if type_name in _ANNOTATIONS else None


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """The path and the folder of "cat.png [output]"; no folder where none is named."""
    for kind in _ANNOTATIONS:
        path = name.removesuffix(f" [{kind}]")
        if path != name:
            return path, get_directory_by_type(kind)
    return name, None


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """Where the file of "cat.png [output]" lies, its content brought here; nothing is there if there is no such file.

    Raises:
        ValueError: the name leaves its folder.
    """
    path, folder = annotated_filepath(name)
    if default_dir is not None and folder is None and default_dir != get_input_directory():
        return _inside(default_dir, path)
    wanted = _named(name)
    try:
        return str(pack_host().folders.fetch(wanted))
    except NotFound:
        return str(pack_host().folders.place(wanted))


def exists_annotated_filepath(name: str) -> bool:
    """Whether the file of "cat.png [output]" is there."""
    try:
        return pack_host().folders.exists(parse_annotated(name))
    except InvalidArgument:
        return False


def get_input_subfolders() -> list[str]:
    """The folders of inputs that are here."""
    top = Path(get_input_directory())
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_dir())


def map_legacy(folder_name: str) -> str:
    """Today's name of a kind of models."""
    return ALIASES.get(folder_name, folder_name)


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Look for a kind of models in one more directory."""
    pack_host().models.add(folder_name, full_folder_path, is_default=is_default)


def get_folder_paths(folder_name: str) -> list[str]:
    """The directories of a kind of models.

    Raises:
        KeyError: there is no such kind.
    """
    return list(pack_host().models.folders[map_legacy(folder_name)][0])


def get_filename_list(folder_name: str) -> list[str]:
    """The models of a kind.

    Raises:
        KeyError: there is no such kind.
    """
    folder_name = map_legacy(folder_name)
    if folder_name not in pack_host().models.folders:
        raise KeyError(folder_name)
    return environment().model_names(folder_name)


def get_full_path(folder_name: str, filename: str) -> str | None:
    """Where a model lies, None when there is none of that name."""
    try:
        return str(pack_host().models.path(map_legacy(folder_name), filename))
    except (NotFound, InvalidArgument):
        return None


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    """Where a model lies.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"there is no model {filename!r} in {folder_name}")
    return path


def filter_files_extensions(files: Collection[str], extensions: Collection[str]) -> list[str]:
    """Those files that have one of the extensions, all for none, sorted."""
    return sorted(file for file in files if not extensions or os.path.splitext(file)[1].lower() in extensions)


def filter_files_content_types(files: Iterable[str], content_types: Sequence[str]) -> list[str]:
    """Those files that are of one of the types "image", "video", "audio" or "model", by their names."""
    return [file for file in files if _content_type(file) in content_types]


def recursive_search(
    directory: str, excluded_dir_names: Collection[str] | None = None
) -> tuple[list[str], dict[str, float]]:
    """The files below a directory, relative to it, and when each directory was changed."""
    found: list[str] = []
    changed: dict[str, float] = {}
    for folder, folders, files in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if name not in (excluded_dir_names or ())]
        changed[folder] = os.path.getmtime(folder)
        found += [os.path.relpath(os.path.join(folder, name), directory) for name in files]
    return found, changed


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """Where to write numbered files: folder, beginning of their names, first free number, subfolder, the prefix.

    Raises:
        ValueError: the prefix leads out of the folder.
    """
    kind = _kind_of(output_dir)
    try:
        name = name_to_number(kind, filename_prefix, image_width, image_height, datetime.now())
    except InvalidArgument as error:
        raise ValueError(error.message) from error
    folder = os.path.join(output_dir, name.subfolder) if name.subfolder else output_dir
    os.makedirs(folder, exist_ok=True)
    number = pack_host().folders.last_number(name) + 1
    return folder, name.filename, number, name.subfolder, posixpath.join(name.subfolder, name.filename)


def _kind_of(directory: str) -> FileKind:
    temp = Path(get_temp_directory())
    return FileKind.TEMP if Path(directory).is_relative_to(temp) else FileKind.OUTPUT


def _named(name: str) -> FileName:
    try:
        return parse_annotated(name)
    except InvalidArgument as error:
        raise ValueError(error.message) from error


def _inside(directory: str, path: str) -> str:
    try:
        resolve(os.path.realpath(directory), parse_path(FileKind.INPUT, path).path)
    except InvalidArgument as error:
        raise ValueError(error.message) from error
    return os.path.join(directory, path)


def _content_type(file: str) -> str:
    extension = file.rpartition(".")[2]
    known = extension_mimetypes_cache.get(extension)
    return known or (mimetypes.guess_type(file)[0] or "").partition("/")[0]
