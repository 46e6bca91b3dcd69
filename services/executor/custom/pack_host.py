"""What the modules that packs import speak for: one host per worker, set before packs are loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from services.executor.custom.local_folders import LocalFolders
from services.executor.custom.pack_models import PackModelFolders
from services.executor.custom.publishing import PublishedFiles
from services.executor.custom.space_folders import SpaceFolders
from services.executor.engine.context import SpacesOfFiles
from services.queue.packs import PackMessage

if TYPE_CHECKING:
    from services.executor.custom.pack_server import PackServer


class PackFiles(SpacesOfFiles, PublishedFiles, Protocol):
    """What is asked of the file service on behalf of packs."""


@dataclass(frozen=True)
class PackHost:
    """The worker as packs may know it."""

    models: PackModelFolders
    files: PackFiles
    spaces: SpaceFolders
    device: torch.device
    #: where their HTTP handlers are
    server: PackServer
    #: tells browsers something
    tell: Callable[[PackMessage], None]
    #: every node class by name, those of packs as soon as they are loaded
    classes: dict[str, Any]
    display_names: dict[str, str | None]
    #: where packs are loaded from
    custom_nodes: tuple[Path, ...] = ()
    #: pack to the folder that its scripts for browsers are in
    web_directories: dict[str, str] = field(default_factory=dict)

    @property
    def folders(self) -> LocalFolders:
        """The folders for whom packs work just now."""
        return self.spaces.current

    @property
    def base(self) -> Path:
        """The folder that ComfyUI would be installed in: packs look for others beside the folder they are in."""
        return self.custom_nodes[0].parent if self.custom_nodes else self.spaces.top


_host: PackHost | None = None


def set_pack_host(host: PackHost) -> None:
    """Make this the host of the process."""
    global _host
    _host = host


def pack_host() -> PackHost:
    """The host of the process.

    Raises:
        RuntimeError: none was set, so no pack can be there.
    """
    if _host is None:
        raise RuntimeError("the modules of node packs are used before they are offered")
    return _host
