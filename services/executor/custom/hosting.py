"""What the worker has to do with packs: load them, pass requests on to them, carry files between them and the file
service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from services.executor.custom.local_folders import SharedFiles, own_folder
from services.executor.custom.offered import offer
from services.executor.custom.pack_host import PackFiles, PackHost
from services.executor.custom.pack_models import PackModelFolders
from services.executor.custom.packs import LoadedPacks, load_packs
from services.executor.custom.publishing import Publication, keep_publishing
from services.executor.custom.space_folders import SharedSpaces, SpaceFolders
from services.executor.ipc import LoadingPack
from services.files.records import FileKind
from services.graph.events import ExecutionEvent, NodeFinished
from services.graph.model import Graph
from services.queue.packs import PackMessage, PackOrder, PackReport, PackResponse

Say = Callable[[LoadingPack | PackReport | PackMessage | PackResponse], None]


class Packs:
    """The packs of a worker; until `load` nothing is offered and nothing costs."""

    def __init__(self, bundled: Mapping[str, Any], display_names: Mapping[str, str | None], say: Say) -> None:
        self._own = frozenset(bundled)
        self._say = say
        self._host: PackHost | None = None
        self.loaded = LoadedPacks(dict(bundled), dict(display_names))

    def load(
        self,
        custom_nodes: Sequence[Path],
        left_out: Mapping[str, str],
        *,
        models: PackModelFolders,
        files: PackFiles,
        spaces: SpaceFolders,
        device: torch.device,
    ) -> None:
        """Load the packs in folders, without those that are `left_out` for a reason, and say what was found."""
        # aiohttp takes a while to import, and is of no use to a worker without packs.
        from services.executor.custom.pack_server import PackServer

        self._host = host = PackHost(
            models=models,
            files=files,
            spaces=spaces,
            device=device,
            server=PackServer(spaces.top, self._say),
            tell=self._say,
            classes=self.loaded.classes,
            display_names=self.loaded.display_names,
            custom_nodes=tuple(custom_nodes),
            web_directories=self.loaded.web_directories,
        )
        offer(host)
        load_packs(custom_nodes, self.loaded, left_out, lambda name: self._say(LoadingPack(name)))
        self._say(PackReport(tuple(self.loaded.packs), host.server.start(), tuple(self.loaded.web_directories)))

    def close(self) -> None:
        """Serve no more handlers."""
        if self._host:
            self._host.server.close()

    @property
    def classes(self) -> dict[str, Any]:
        """Every node class by name, those that come with the executor first: a pack replaces none of them."""
        return self.loaded.classes

    @property
    def display_names(self) -> dict[str, str | None]:
        """What canvases show; None where a node has no name of its own."""
        return self.loaded.display_names

    def publish_files(self) -> None:
        """Have what packs bring for browsers in the file service, sooner or later."""
        scripts = ((name, {"": Path(folder)}) for name, folder in self.loaded.web_directories.items())
        publications = [
            *(Publication(FileKind.EXTENSIONS, name, folders) for name, folders in scripts),
            *(Publication(FileKind.PACKS, name, folders) for name, folders in self.loaded.document_folders.items()),
        ]
        if self._host and publications:
            arguments = (publications, self._host.files)
            threading.Thread(target=keep_publishing, args=arguments, name="publishing", daemon=True).start()

    def obey(self, order: PackOrder) -> None:
        """Pass on a request for a handler, or what is said about one."""
        if self._host:
            self._host.server.obey(order)

    def show_inputs(self, names: Iterable[str]) -> None:
        """Let packs see which inputs there are."""
        if self._host:
            self._host.spaces.of("").show_inputs(names)

    def show_folders(self, names: Iterable[str]) -> None:
        """Let packs see which folders of inputs there are."""
        if self._host:
            self._host.spaces.of("").show_folders(names)

    def prepare(self, graph: Graph, file_space: str) -> None:
        """Have the inputs here that nodes of packs name; called in a run, before its nodes.

        Raises:
            ServiceError: the file service is away.
        """
        if not self._host:
            return
        self._host.spaces.running = file_space
        foreign = [node for node in graph.nodes.values() if node.class_type not in self._own]
        if not foreign:
            return
        folders = self._host.spaces.of(file_space)
        if file_space:  # of everybody's it is always seen
            folders.show_what_is_there()
        folders.fetch_named(value for node in foreign for value in node.inputs.values() if isinstance(value, str))

    def publish(self, event: ExecutionEvent, files: SharedFiles) -> None:
        """Send on the files that a node shows to those of its run; called in it, before the event goes out.

        Raises:
            ServiceError: the file service does not take one.
        """
        if self._host and isinstance(event, NodeFinished) and not event.reused:
            self._host.folders.publish(event.output_json, files)


def pack_folders(cache: Path, files: SharedSpaces) -> SpaceFolders:
    """The local folders of this process, beside the cache of a worker."""
    return SpaceFolders(own_folder(cache.with_name("executor-files")), files)
