"""Loads folders of node packs as ComfyUI does: a module or package with NODE_CLASS_MAPPINGS."""

from __future__ import annotations

import importlib.util
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

#: Prefix of the names under which packs are found in `sys.modules`: no pack can hide a module of ours or of another.
MODULE_PREFIX = "silverprint_pack_"


@dataclass
class LoadedPacks:
    """The node classes of all packs, and what went wrong."""

    classes: dict[str, type] = field(default_factory=dict)
    display_names: dict[str, str] = field(default_factory=dict)
    #: pack to what was raised
    failures: dict[str, str] = field(default_factory=dict)


def load_packs(folders: Sequence[Path]) -> LoadedPacks:
    """Load every pack in `folders`, in the order of their names; one that fails is logged by name and skipped."""
    loaded = LoadedPacks()
    for path in (path for folder in folders for path in _packs_in(folder)):
        began = time.monotonic()
        try:
            module = _imported(path)
            mapping = _node_classes(module)
        except BaseException as error:  # a pack may call sys.exit
            if isinstance(error, KeyboardInterrupt):
                raise
            log.exception("node pack %s cannot be loaded and is skipped", path.name)
            sys.modules.pop(_module_name(path), None)
            loaded.failures[path.name] = f"{type(error).__name__}: {error}"
            continue
        for cls in mapping.values():
            cls.RELATIVE_PYTHON_MODULE = f"custom_nodes.{_name_of(path)}"
        loaded.classes |= mapping
        loaded.display_names |= getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}
        log.info("node pack %s: %d nodes in %.1f s", path.name, len(mapping), time.monotonic() - began)
    return loaded


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


def _node_classes(module: ModuleType) -> dict[str, Any]:
    mapping = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if mapping is None:
        raise ImportError("it has no NODE_CLASS_MAPPINGS")
    return dict(mapping)


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
