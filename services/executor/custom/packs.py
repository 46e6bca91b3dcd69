"""Loads folders of node packs as ComfyUI does: a module or package with NODE_CLASS_MAPPINGS, or a comfy_entrypoint."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from services.executor.custom.documents import document_folders
from services.executor.custom.modules.comfy_config_parser import extract_node_configuration
from services.executor.custom.offered import explain
from services.executor.custom.v3.extension import ComfyExtension
from services.executor.custom.versions import version_of
from services.executor.engine.failure import without_paths
from services.queue.packs import NodePack

log = logging.getLogger(__name__)

#: Prefix of the names under which packs are found in `sys.modules`: no pack can hide a module of ours or of another.
MODULE_PREFIX = "silverprint_pack_"


@dataclass
class LoadedPacks:
    """The node classes of all packs, and what went wrong."""

    classes: dict[str, Any] = field(default_factory=dict)
    #: None for those that want to have none
    display_names: dict[str, str | None] = field(default_factory=dict)
    #: in the order in which they were found, whether or not they could be loaded
    packs: list[NodePack] = field(default_factory=list)
    #: pack to the folder that its scripts for browsers are in
    web_directories: dict[str, str] = field(default_factory=dict)
    #: pack to the folders that its documents for front ends are in, by what they are
    document_folders: dict[str, dict[str, Path]] = field(default_factory=dict)
    #: empty for a pack that does not tell
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, str]:
        """Packs that could not be loaded, to what was raised."""
        return {pack.name: pack.error for pack in self.packs if pack.error}


@dataclass(frozen=True)
class _Pack:
    classes: Mapping[str, Any]
    display_names: Mapping[str, str | None]
    #: name to the folder of its scripts for browsers; the name is the pack's or its project's
    web_directories: Mapping[str, Path]


def load_packs(
    folders: Sequence[Path],
    into: LoadedPacks | None = None,
    left_out: Mapping[str, str] = MappingProxyType({}),
    announce: Callable[[str], None] = lambda name: None,
) -> LoadedPacks:
    """Load every pack in `folders`, in the order of their names; one that fails is logged by name and skipped.

    Args:
        into: what there is already; names that are taken stay as they are, so that a pack replaces nothing.
        left_out: packs not to load, and why.
        announce: told the name of each pack before it is loaded, and "" in the end.
    """
    loaded = LoadedPacks() if into is None else into
    for path in (path for folder in folders for path in _packs_in(folder)):
        if reason := left_out.get(_name_of(path)):
            loaded.packs.append(NodePack(_name_of(path), 0, reason))
            continue
        announce(_name_of(path))
        began = time.monotonic()
        try:
            pack = _loaded(path)
            _add(pack, path, loaded)
        except BaseException as error:  # a pack may call sys.exit
            if isinstance(error, KeyboardInterrupt):
                raise
            what = f"{type(error).__name__}: {_message(error)}"
            loaded.packs.append(NodePack(_name_of(path), 0, without_paths(what)))
            log.error("node pack %s cannot be loaded and is skipped: %s", path.name, what)
            log.debug("node pack %s", path.name, exc_info=True)
            _forget(_module_name(path))
            continue
        loaded.packs.append(NodePack(_name_of(path), len(pack.classes)))
        log.info("node pack %s: %d nodes in %.1f s", path.name, len(pack.classes), time.monotonic() - began)
    announce("")
    return loaded


def _add(pack: _Pack, path: Path, loaded: LoadedPacks) -> None:
    ours = {id(cls) for cls in loaded.classes.values()}
    for name, cls in pack.classes.items():
        if name in loaded.classes:
            log.warning("node pack %s: there is a node %s already, which stays", path.name, name)
            continue
        if id(cls) not in ours:
            cls.RELATIVE_PYTHON_MODULE = f"custom_nodes.{_name_of(path)}"
        loaded.classes[name] = cls
        if name in pack.display_names:
            loaded.display_names[name] = pack.display_names[name]
    for name in pack.display_names.keys() - pack.classes.keys():
        loaded.display_names.setdefault(name, pack.display_names[name])
    loaded.web_directories.update((name, str(folder)) for name, folder in pack.web_directories.items())
    loaded.versions[_name_of(path)] = version_of(path)
    loaded.document_folders[_name_of(path)] = document_folders(path)


def _packs_in(folder: Path) -> Iterator[Path]:
    """Packages and single modules, without what is hidden, private or switched off by its name."""
    if not folder.is_dir():
        log.warning("no node packs in %s: there is no such folder", folder)
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")) or path.name.endswith(".disabled"):
            continue
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield path


def _name_of(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _module_name(path: Path) -> str:
    return MODULE_PREFIX + _name_of(path).replace(".", "_")


def _loaded(path: Path) -> _Pack:
    module = _imported(path)
    web = _web_directories(module, path)
    mapping = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if mapping is not None:
        _check_classes(mapping)
        return _Pack(dict(mapping), dict(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}), web)
    entry = getattr(module, "comfy_entrypoint", None)
    if callable(entry):
        classes = {node.GET_SCHEMA().node_id: node for node in asyncio.run(_nodes_of(entry))}
        return _Pack(classes, {name: node.DISPLAY_NAME for name, node in classes.items()}, web)
    if web:  # scripts for browsers alone
        return _Pack({}, {}, web)
    raise ImportError("it has neither NODE_CLASS_MAPPINGS nor a comfy_entrypoint")


def _check_classes(mapping: Mapping[str, Any]) -> None:
    for name, cls in dict(mapping).items():
        if not isinstance(cls, type):
            raise TypeError(f"the node {name} is a {type(cls).__name__}, expected a class")


async def _nodes_of(entry: Any) -> list[Any]:
    extension = entry()
    if inspect.isawaitable(extension):
        extension = await extension
    if not isinstance(extension, ComfyExtension):
        raise TypeError(f"comfy_entrypoint returned a {type(extension).__name__}, expected a ComfyExtension")
    await extension.on_load()
    return list(await extension.get_node_list())


def _web_directories(module: ModuleType, path: Path) -> dict[str, Path]:
    """What WEB_DIRECTORY and `tool.comfy.web` of `pyproject.toml` name, as far as they are folders inside the pack."""
    if not path.is_dir():
        return {}
    named = {_name_of(path): getattr(module, "WEB_DIRECTORY", None)}
    if project := extract_node_configuration(path):
        named.setdefault(project.project.name, project.tool_comfy.web)
    folders = {name: (path / str(folder)).resolve() for name, folder in named.items() if folder}
    for name, folder in list(folders.items()):
        if not folder.is_dir() or not folder.is_relative_to(path.resolve()):
            log.warning("node pack %s: %r, where its scripts should be, is no folder inside it", path.name, named[name])
            del folders[name]
    return folders


def _imported(path: Path) -> ModuleType:
    """Import by path, since folder names need not be identifiers."""
    name = _module_name(path)
    is_package = path.is_dir()
    spec = importlib.util.spec_from_file_location(
        name,
        path / "__init__.py" if is_package else path,
        submodule_search_locations=[str(path)] if is_package else None,
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _forget(module_name: str) -> None:
    for name in [name for name in sys.modules if name == module_name or name.startswith(f"{module_name}.")]:
        del sys.modules[name]


def _message(error: BaseException) -> str:
    return explain(error) if isinstance(error, ImportError) else str(error)
