"""`extra_model_paths.yaml` of ComfyUI: more directories that hold models.

The file has sections of any name, one per collection of models:

    a111:
        base_path: /srv/webui
        is_default: true
        checkpoints: models/Stable-diffusion
        loras: |
            models/Lora
            models/LyCORIS

A path is relative to its section's `base_path`, and that to the directory of the file; `~` and `$VARIABLES` are
replaced. Several paths stand one a line, or as a list. `is_default` puts a section's directories before all others, and
makes them those that models are uploaded to. `custom_nodes` names directories of node packs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import yaml

from services.errors import InvalidArgument
from services.files.models.records import ExtraFolder
from services.files.names import validate_subfolder

_BASE_PATH = "base_path"
_IS_DEFAULT = "is_default"
_NODE_PACKS = "custom_nodes"

_BOOL = "tag:yaml.org,2002:bool"
_NULL = "tag:yaml.org,2002:null"
_TRUE = ("true", "yes", "on")

#: A name and what it stands for.
_Member = tuple[yaml.Node, yaml.Node]


class ExtraPaths(msgspec.Struct, frozen=True):
    """What files of extra paths say."""

    folders: tuple[ExtraFolder, ...] = ()
    #: directories of node packs
    custom_nodes: tuple[str, ...] = ()


def read_extra_paths(files: Iterable[Path]) -> ExtraPaths:
    """What some files say together.

    Raises:
        InvalidArgument: a file cannot be read or is not of this format; the message names its line.
    """
    found = [folder for file in files for folder in _folders(file)]
    return ExtraPaths(
        tuple(folder for folder in found if folder.folder != _NODE_PACKS),
        tuple(folder.path for folder in found if folder.folder == _NODE_PACKS),
    )


def _folders(file: Path) -> Iterator[ExtraFolder]:
    for name, section in _members(file, _parsed(file), "there are no sections: write one as `NAME:`"):
        if section.tag == _NULL:  # all of it is commented out
            continue
        what = f"section {name.value!r}"
        if not isinstance(section, yaml.MappingNode):
            raise _error(file, name, f"{name.value!r} is no section: put it below one, indented")
        yield from _folders_of_section(file, name.value, dict(_by_name(_members(file, section, what))))


def _folders_of_section(file: Path, section: str, values: dict[str, _Member]) -> Iterator[ExtraFolder]:
    base = file.absolute().parent
    if _BASE_PATH in values:
        (path,) = _paths(file, section, *values.pop(_BASE_PATH), limit=1)
        base = _joined(base, path)
    is_default = _IS_DEFAULT in values and _truth(file, section, *values.pop(_IS_DEFAULT))
    for folder, (key, value) in values.items():
        _check_folder(file, section, key)
        for path in _paths(file, section, key, value):
            said_in = f"{file} line {_line(key)}, section {section!r}"
            yield ExtraFolder(folder, str(_joined(base, path)), is_default, said_in)


def _parsed(file: Path) -> yaml.Node | None:
    try:
        return yaml.compose(file.read_text("utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise InvalidArgument(f"extra-model-paths: {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"extra-model-paths: {file} is no text in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidArgument(f"extra-model-paths: {file}{where}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise InvalidArgument(f"extra-model-paths: {file} is no YAML: {' '.join(str(error).split())}") from error


def _members(file: Path, node: yaml.Node | None, what: str) -> Iterator[_Member]:
    if node is None or node.tag == _NULL:
        return
    if not isinstance(node, yaml.MappingNode):
        raise _error(file, node, what)
    seen: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error(file, key, "a name is text")
        if key.value in seen:
            raise _error(file, key, f"{key.value!r} is in line {_line(seen[key.value])} already")
        seen[key.value] = key
        yield key, value


def _by_name(members: Iterable[_Member]) -> Iterator[tuple[str, _Member]]:
    for key, value in members:
        yield key.value, (key, value)


def _paths(file: Path, section: str, key: yaml.Node, value: yaml.Node, limit: int | None = None) -> list[str]:
    nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if not all(isinstance(node, yaml.ScalarNode) for node in nodes):
        raise _error(file, key, f"{key.value!r} in section {section!r} is neither a path nor paths, one a line")
    lines = (line.strip() for node in nodes if node.tag != _NULL for line in node.value.splitlines())
    paths = [line for line in lines if line]
    if limit is not None and len(paths) != limit:
        raise _error(file, key, f"{key.value!r} in section {section!r} is not one path")
    return paths


def _truth(file: Path, section: str, key: yaml.Node, value: yaml.Node) -> bool:
    if value.tag != _BOOL:
        raise _error(file, key, f"{key.value!r} in section {section!r} is neither true nor false")
    return value.value.lower() in _TRUE


def _check_folder(file: Path, section: str, key: yaml.Node) -> None:
    try:
        validate_subfolder(key.value)
    except InvalidArgument as error:
        raise _error(file, key, f"{key.value!r} in section {section!r}: {error.message}") from error
    if "/" in key.value or not key.value or key.value.startswith("."):
        raise _error(file, key, f"{key.value!r} in section {section!r} is not the name of a folder of models")


def _joined(base: Path, path: str) -> Path:
    return Path(os.path.normpath(base / os.path.expandvars(os.path.expanduser(path))))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error(file: Path, node: yaml.Node, problem: str) -> InvalidArgument:
    return InvalidArgument(f"extra-model-paths: {file} line {_line(node)}: {problem}")
