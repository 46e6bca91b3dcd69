"""A worker's packs and engine, without the worker: files in a folder."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from services.errors import AlreadyExists
from services.executor import environment, nodes
from services.executor.catalogue import definitions_json
from services.executor.custom.hosting import Packs
from services.executor.custom.offered import withdraw
from services.executor.custom.pack_models import PackModelFolders
from services.executor.custom.space_folders import SpaceFolders
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.context import RunContext, in_run
from services.executor.engine.run import Engine
from services.executor.input_checks import check_inputs
from services.executor.ipc import LoadingPack, encode_frame
from services.files.names import parse_path
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from services.files.spaces import Space
from services.graph.complaints import Complaint
from services.graph.definitions import Catalogue
from services.graph.events import ExecutionEvent, ExecutionFailed, NodeFinished
from services.graph.model import parse_graph
from services.graph.validation import ValidatedPrompt, validate
from services.queue.packs import PackMessage, PackReport, PackResponse
from tests.executor.nodes.conftest import FolderFiles

PACKS = Path(__file__).resolve().parents[2] / "packs"

#: class, inputs by node id
Prompt = dict[str, tuple[str, dict[str, Any]]]


class SharedFolder(FolderFiles):
    """Fulfils `SpacesOfFiles` and `PublishedFiles` as well."""

    def within(self, user: str, owner: str = "") -> SharedFolder:
        return dataclasses.replace(self, space=Space(user))

    def copy(self, name: FileName) -> Path:
        return self.fetch(name)

    def put(self, name: FileName, source: Path, on_conflict: OnConflict) -> None:
        target = self.place(name)
        if target.exists() and on_conflict is OnConflict.FAIL:
            raise AlreadyExists(f"{name} is there already")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def list_tree(self, kind: FileKind, subfolder: str) -> list[FileInfo]:
        top = self.folder / kind.value
        paths = [path for path in (top / subfolder).rglob("*") if path.is_file()]
        return [
            FileInfo(parse_path(kind, path.relative_to(top).as_posix()), path.stat().st_size, None, 0.0)
            for path in paths
        ]

    def delete(self, name: FileName) -> None:
        (self.folder / str(name)).unlink()


class PackBench:
    """Packs, ready to run prompts."""

    def __init__(self, folder: Path, custom_nodes: Sequence[Path]) -> None:
        self.shared = folder / "shared"
        (self.shared / "input").mkdir(parents=True)
        self.files = SharedFolder(self.shared)
        self.spaces = SpaceFolders(folder / "local", self.files)
        self.folders = self.spaces.of("")
        self.models = PackModelFolders([folder / "models"], custom_nodes)
        environment.install(environment.Environment(self.models, self._list_inputs))
        #: what the packs said to the queue
        self.said: list[LoadingPack | PackReport | PackMessage | PackResponse] = []
        self.packs = Packs(nodes.NODE_CLASSES, nodes.DISPLAY_NAMES, self._say)
        self.packs.load(
            custom_nodes,
            {},
            models=self.models,
            files=self.files,
            spaces=self.spaces,
            device=torch.device("cpu"),
        )
        self.context = RunContext(prompt_id="p", files=self.files)
        self._engine = Engine(self.packs.classes, ClassicCache())

    def refresh(self) -> None:
        """Notice new files, as the worker does every few seconds."""
        environment.environment().refresh()

    def definition(self, class_type: str) -> dict[str, Any]:
        """The class as clients see it."""
        definitions = json.loads(
            definitions_json({class_type: self.packs.classes[class_type]}, self.packs.display_names)
        )
        return dict(definitions[class_type])

    def run(self, prompt: Prompt, outputs: Sequence[str] = ("out",), user: str = "") -> list[ExecutionEvent]:
        """What happens when the prompt runs within the space of a user."""
        files = self.files.within(user)
        context = dataclasses.replace(self.context, files=files, file_space=user)
        events: list[ExecutionEvent] = []

        def emit(event: ExecutionEvent) -> None:
            self.packs.publish(event, files)
            events.append(event)

        graph = parse_graph(_json(prompt))
        with in_run(context), torch.inference_mode():  # as the worker does
            self.packs.prepare(graph, user)
            self._engine.run(graph, {"extra_pnginfo": {"workflow": {}}}, outputs, context, emit)
        return events

    async def validate(self, prompt: Prompt) -> ValidatedPrompt:
        """What submitting the prompt answers."""
        catalogue = Catalogue.from_json(definitions_json(self.packs.classes, self.packs.display_names))
        graph = parse_graph(_json(prompt))

        async def ask(node_ids: Any) -> dict[str, list[Complaint]]:
            return check_inputs(graph, node_ids, self.packs.classes, self.context)

        return await validate(graph, catalogue, None, ask)

    def _say(self, message: LoadingPack | PackReport | PackMessage | PackResponse) -> None:
        encode_frame(message)  # as the worker does
        self.said.append(message)

    def _list_inputs(self) -> list[str]:
        names = self.files.list_folder(FileKind.INPUT, "")
        self.folders.show_inputs(names)
        return names


@contextmanager
def pack_bench(folder: Path, *custom_nodes: Path) -> Iterator[PackBench]:
    """A bench whose modules are withdrawn in the end."""
    before = environment.environment()
    bench = PackBench(folder, custom_nodes)
    try:
        yield bench
    finally:
        bench.packs.close()
        withdraw()
        environment.install(before)


def shown(events: Sequence[ExecutionEvent], node_id: str = "out") -> Any:
    """What a node showed."""
    failed = [event for event in events if isinstance(event, ExecutionFailed)]
    assert not failed, failed
    (finished,) = [event for event in events if isinstance(event, NodeFinished) and event.node.node_id == node_id]
    return json.loads(finished.output_json)


def _json(prompt: Prompt) -> bytes:
    return json.dumps(
        {node_id: {"class_type": class_type, "inputs": inputs} for node_id, (class_type, inputs) in prompt.items()}
    ).encode()
