"""What the worker has to do with packs: load them, and carry files between them and the file service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from services.executor.custom.local_folders import LocalFolders, SharedFiles, own_folder
from services.executor.custom.offered import offer
from services.executor.custom.pack_host import PackHost
from services.executor.custom.pack_models import PackModelFolders
from services.executor.custom.packs import LoadedPacks, load_packs
from services.graph.events import ExecutionEvent, NodeFinished
from services.graph.model import Graph


class Packs:
    """The packs of a worker; without folders of them nothing is offered and nothing costs."""

    def __init__(
        self,
        custom_nodes: Sequence[Path],
        bundled: Mapping[str, Any],
        display_names: Mapping[str, str | None],
        models: PackModelFolders,
        open_folders: Callable[[], LocalFolders],
        device: torch.device,
    ) -> None:
        self._own = frozenset(bundled)
        self._folders: LocalFolders | None = None
        self.loaded = LoadedPacks(dict(bundled), dict(display_names))
        if custom_nodes:
            self._folders = open_folders()
            self._load(custom_nodes, models, self._folders, device)

    def _load(
        self, custom_nodes: Sequence[Path], models: PackModelFolders, folders: LocalFolders, device: torch.device
    ) -> None:
        offer(
            PackHost(
                models=models,
                folders=folders,
                device=device,
                classes=self.loaded.classes,
                display_names=self.loaded.display_names,
                custom_nodes=tuple(custom_nodes),
                web_directories=self.loaded.web_directories,
            )
        )
        load_packs(custom_nodes, self.loaded)

    @property
    def classes(self) -> dict[str, Any]:
        """Every node class by name, those that come with the executor first: a pack replaces none of them."""
        return self.loaded.classes

    @property
    def display_names(self) -> dict[str, str | None]:
        """What canvases show; None where a node has no name of its own."""
        return self.loaded.display_names

    def show_inputs(self, names: Iterable[str]) -> None:
        """Let packs see which inputs there are."""
        if self._folders:
            self._folders.show_inputs(names)

    def prepare(self, graph: Graph) -> None:
        """Have the inputs here that nodes of packs name; called before a prompt runs.

        Raises:
            ServiceError: the file service is away.
        """
        if self._folders:
            self._folders.fetch_named(
                value
                for node in graph.nodes.values()
                if node.class_type not in self._own
                for value in node.inputs.values()
                if isinstance(value, str)
            )

    def publish(self, event: ExecutionEvent) -> None:
        """Send on the files that a node shows; called before the event goes out.

        Raises:
            ServiceError: the file service does not take one.
        """
        if self._folders and isinstance(event, NodeFinished) and not event.reused:
            self._folders.publish(event.output_json)


def pack_folders(cache: Path, files: SharedFiles) -> LocalFolders:
    """The local folders of this process, beside the cache of a worker."""
    return LocalFolders(own_folder(cache.with_name("executor-files")), files)
