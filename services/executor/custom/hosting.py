"""What the worker has to do with packs: load them, pass requests on to them, carry files between them and the file
service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from services.executor.custom.local_folders import LocalFolders, SharedFiles, own_folder
from services.executor.custom.offered import offer
from services.executor.custom.pack_host import PackHost
from services.executor.custom.pack_models import PackModelFolders
from services.executor.custom.packs import LoadedPacks, load_packs
from services.executor.custom.web_files import ExtensionFiles, keep_publishing
from services.executor.ipc import LoadingPack
from services.graph.events import ExecutionEvent, NodeFinished
from services.graph.model import Graph
from services.queue.packs import PackMessage, PackOrder, PackReport, PackResponse

if TYPE_CHECKING:
    from services.executor.custom.pack_server import PackServer

Say = Callable[[LoadingPack | PackReport | PackMessage | PackResponse], None]


class Packs:
    """The packs of a worker; without folders of them nothing is offered and nothing costs."""

    def __init__(
        self,
        custom_nodes: Sequence[Path],
        left_out: Mapping[str, str],
        bundled: Mapping[str, Any],
        display_names: Mapping[str, str | None],
        models: PackModelFolders,
        open_folders: Callable[[], LocalFolders],
        device: torch.device,
        say: Say,
    ) -> None:
        self._own = frozenset(bundled)
        self._left_out = left_out
        self._folders: LocalFolders | None = None
        self._server: PackServer | None = None
        self.loaded = LoadedPacks(dict(bundled), dict(display_names))
        if custom_nodes:
            self._folders = open_folders()
            self._server = _pack_server(self._folders.top, say)
            self._load(custom_nodes, models, self._folders, device, self._server, say)

    def close(self) -> None:
        """Serve no more handlers."""
        if self._server:
            self._server.close()

    def _load(
        self,
        custom_nodes: Sequence[Path],
        models: PackModelFolders,
        folders: LocalFolders,
        device: torch.device,
        server: PackServer,
        say: Say,
    ) -> None:
        offer(
            PackHost(
                models=models,
                folders=folders,
                device=device,
                server=server,
                tell=say,
                classes=self.loaded.classes,
                display_names=self.loaded.display_names,
                custom_nodes=tuple(custom_nodes),
                web_directories=self.loaded.web_directories,
            )
        )
        load_packs(custom_nodes, self.loaded, self._left_out, lambda name: say(LoadingPack(name)))
        say(PackReport(tuple(self.loaded.packs), server.start(), tuple(self.loaded.web_directories)))

    @property
    def classes(self) -> dict[str, Any]:
        """Every node class by name, those that come with the executor first: a pack replaces none of them."""
        return self.loaded.classes

    @property
    def display_names(self) -> dict[str, str | None]:
        """What canvases show; None where a node has no name of its own."""
        return self.loaded.display_names

    def publish_scripts(self, files: ExtensionFiles) -> None:
        """Have what packs bring for browsers in the file service, sooner or later."""
        if directories := self.loaded.web_directories:
            arguments = (dict(directories), files)
            threading.Thread(target=keep_publishing, args=arguments, name="scripts", daemon=True).start()

    def obey(self, order: PackOrder) -> None:
        """Pass on a request for a handler, or what is said about one."""
        if self._server:
            self._server.obey(order)

    def show_inputs(self, names: Iterable[str]) -> None:
        """Let packs see which inputs there are."""
        if self._folders:
            self._folders.show_inputs(names)

    def show_folders(self, names: Iterable[str]) -> None:
        """Let packs see which folders of inputs there are."""
        if self._folders:
            self._folders.show_folders(names)

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


def _pack_server(folder: Path, say: Say) -> PackServer:
    # aiohttp takes a while to import, and is of no use to a worker without packs.
    from services.executor.custom.pack_server import PackServer

    return PackServer(folder, say)


def pack_folders(cache: Path, files: SharedFiles) -> LocalFolders:
    """The local folders of this process, beside the cache of a worker."""
    return LocalFolders(own_folder(cache.with_name("executor-files")), files)
