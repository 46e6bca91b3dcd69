"""What a run used, noted while it goes on, so that it can be reproduced and accounted for."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from services import __version__
from services.executor.custom.running_node import running_node
from services.executor.devices import describe
from services.executor.embeddings import FOLDER as EMBEDDINGS
from services.executor.model_digests import ModelDigests
from services.files.records import FileInfo, FileKind, FileName
from services.graph.events import ExecutionEvent, NodeFinished
from services.graph.model import Graph
from services.queue.provenance import RunRecord, SavedFile, UsedModel, UsedPack
from services.queue.results import files_of

log = logging.getLogger(__name__)

#: Tells of a file; None for one that it does not know.
Saved = Callable[[FileName], FileInfo | None]

#: What the module of a class from a pack begins with.
_OF_PACK = "custom_nodes."

#: Before the first run.
_EMPTY = Graph({}, {})

#: Kinds of files that nodes save.
_KINDS = {kind.value: kind for kind in (FileKind.OUTPUT, FileKind.TEMP)}


class Provenance:
    """Keeps the record of the run that goes on; a worker runs one at a time.

    A node whose result is at hand opens no files, but its result is made of what it opened when it ran. So which models
    a class opened under which names is remembered, and counts whenever a node of that class names one.
    """

    def __init__(
        self,
        device: torch.device,
        classes: Mapping[str, Any],
        pack_versions: Mapping[str, str],
        digests: ModelDigests,
    ) -> None:
        self._device = describe(device).name
        self._classes = classes
        self._pack_versions = pack_versions
        self._digests = digests
        self._saved: Saved = lambda name: None
        self._graph = _EMPTY
        self._shown: list[NodeFinished] = []
        #: class to the models that its nodes opened, by kind and name
        self._opened: dict[str, dict[tuple[str, str], Path]] = {}
        #: those that nodes opened in this run
        self._models: dict[tuple[str, str], Path] = {}

    def start(self) -> None:
        """Begin to find digests of models, while nothing runs."""
        self._digests.start()

    def begin(self, saved: Saved) -> None:
        """A run begins; `saved` tells of files that this worker saved for it, and asks nobody."""
        self._saved = saved
        self._digests.pause()
        self._graph = _EMPTY
        self._shown = []
        self._models = {}

    def runs(self, graph: Graph) -> None:
        """This is the workflow that runs."""
        self._graph = graph

    def opened(self, folder: str, name: str, path: Path) -> None:
        """A model is asked for; what asks outside of a running node does not count."""
        running = running_node()
        node = self._graph.nodes.get(running.node.real_node_id) if running else None
        if node is not None:
            self._models[folder, name] = path
            self._opened.setdefault(node.class_type, {})[folder, name] = path

    def note(self, event: ExecutionEvent) -> None:
        """Something happened in the run."""
        if isinstance(event, NodeFinished) and event.output_json:
            self._shown.append(event)

    def record(self) -> RunRecord | None:
        """What the run has used so far; None where that cannot be told, over which no run may fail."""
        try:
            record = self._record()
            msgspec.msgpack.encode(record)  # names of files need not be Unicode
            return record
        except Exception:
            log.exception("what the run used cannot be told")
            return None

    def _record(self) -> RunRecord:
        return RunRecord(
            version=__version__,
            python_version=platform.python_version(),
            torch_version=str(torch.__version__),
            device=self._device,
            models=tuple(self._used_models()),
            packs=tuple(self._packs()),
            files=tuple(self._files()),
        )

    def end(self) -> None:
        """The run has ended."""
        self._digests.resume()

    def _used_models(self) -> Iterator[UsedModel]:
        used = dict(self._models)
        for node in self._graph.nodes.values():
            for (folder, name), path in self._opened.get(node.class_type, {}).items():
                if any(_names(value, folder, name) for value in node.inputs.values()):
                    used.setdefault((folder, name), path)
        for (folder, name), path in sorted(used.items()):
            model = self._digests.describe(folder, name, path)
            if model is not None:
                yield model

    def _packs(self) -> Iterator[UsedPack]:
        types = {node.class_type for node in self._graph.nodes.values()}
        modules = {str(getattr(self._classes.get(name), "RELATIVE_PYTHON_MODULE", "")) for name in types}
        for module in sorted(modules):
            if module.startswith(_OF_PACK):
                name = module.removeprefix(_OF_PACK)
                yield UsedPack(name, self._pack_versions.get(name, ""))

    def _files(self) -> Iterator[SavedFile]:
        for shown in self._shown:
            for file in files_of(shown):
                kind = _KINDS.get(file.kind)
                info = self._saved(FileName(kind, file.subfolder, file.filename)) if kind else None
                if info and info.blake3:
                    yield SavedFile(
                        kind=file.kind,
                        subfolder=file.subfolder,
                        filename=file.filename,
                        size=info.size,
                        blake3=info.blake3,
                    )


def _names(value: object, folder: str, name: str) -> bool:
    """Whether an input names a model; embeddings are named within texts, mostly without what their files end with."""
    if not isinstance(value, str):
        return False
    return value == name or (folder == EMBEDDINGS and f"embedding:{name.rpartition('.')[0]}" in value)
