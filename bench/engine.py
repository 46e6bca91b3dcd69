"""How much CPU the engine takes, apart from what nodes compute: `python -m bench.engine`."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.executor.engine.caches.base import ResultCache
from services.executor.engine.caches.classic import ClassicCache
from services.executor.engine.caches.none import NoCache
from services.executor.engine.context import RunContext
from services.executor.engine.run import Engine
from services.files.records import FileKind, FileName
from services.graph.definitions import Catalogue
from services.graph.model import Graph, parse_graph
from services.graph.validation import validate

ROUNDS = 5
#: Milliseconds of CPU that a run may take.
TARGETS = {"100 nodes, uncached": 120.0, "100 nodes, cached": 15.0, "tiny prompt, uncached": 2.0}


class EmptyImage:
    """Something to invert."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        limits = {"default": 64, "min": 1, "max": 16384}
        names = ("width", "height", "batch_size", "color")
        return {"required": dict.fromkeys(names, ("INT", limits))}

    def generate(self, width: int, height: int, batch_size: int, color: int) -> tuple[Any]:
        return (color,)


class ImageInvert:
    """A node that costs nothing."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"image": ("IMAGE",)}}

    def invert(self, image: Any) -> tuple[Any]:
        return (-image,)


class PreviewImage:
    """An output."""

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"images": ("IMAGE",)}, "hidden": {"prompt": "PROMPT", "extra": "EXTRA_PNGINFO"}}

    def show(self, images: Any, prompt: Any = None, extra: Any = None) -> dict[str, Any]:
        return {"ui": {"images": [{"filename": "x.png", "subfolder": "", "type": "temp"}]}}


CLASSES: Mapping[str, Any] = {cls.__name__: cls for cls in (EmptyImage, ImageInvert, PreviewImage)}


class _NoFiles:
    """The nodes here touch no file."""

    def fetch(self, name: FileName) -> Path:
        raise NotImplementedError

    def stat_digest(self, name: FileName) -> str:
        raise NotImplementedError

    def exists(self, name: FileName) -> bool:
        raise NotImplementedError

    def list_folder(self, kind: FileKind, subfolder: str) -> list[str]:
        raise NotImplementedError

    def save(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, data: bytes) -> FileName:
        raise NotImplementedError

    def save_file(self, kind: FileKind, subfolder: str, filename_prefix: str, extension: str, source: Path) -> FileName:
        raise NotImplementedError


def chain(nodes: int) -> bytes:
    """A prompt of so many nodes in a row, the first an image and the last an output."""
    source: dict[str, Any] = {}
    image = {"width": 64, "height": 64, "batch_size": 1, "color": 1}
    source["0"] = {"class_type": "EmptyImage", "inputs": image}
    for number in range(1, nodes - 1):
        source[str(number)] = {"class_type": "ImageInvert", "inputs": {"image": [str(number - 1), 0]}}
    source["out"] = {"class_type": "PreviewImage", "inputs": {"images": [str(nodes - 2), 0]}}
    return json.dumps(source).encode()


def run(graph_json: bytes, engine: Engine) -> None:
    """What a worker does for a prompt, but for the nodes' own work and the sending of events."""
    context = RunContext(prompt_id="bench", files=_NoFiles())
    engine.run(parse_graph(graph_json), {}, ["out"], context, lambda event: None)


def validated(graph: Graph, catalogue: Catalogue) -> None:
    """What the queue does for a prompt."""

    async def nobody(node_ids: object) -> Any:
        raise AssertionError("no class checks its inputs")

    asyncio.run(validate(graph, catalogue, None, nobody))


def milliseconds(work: Callable[[], object]) -> float:
    """The CPU time of the quickest of some rounds."""
    return min(_measure(work) for _ in range(ROUNDS))


def _measure(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3


def of_runs(nodes: int, cache: Callable[[], ResultCache]) -> float:
    """The CPU time of a run that finds in the cache what an earlier one left there."""
    engine, graph_json = Engine(CLASSES, cache()), chain(nodes)
    run(graph_json, engine)
    return milliseconds(lambda: run(graph_json, engine))


def catalogue() -> Catalogue:
    """The definitions of the classes here."""
    entries = {
        name: {
            "input": cls.INPUT_TYPES(),
            "output": list(cls.RETURN_TYPES),
            "output_node": getattr(cls, "OUTPUT_NODE", False),
        }
        for name, cls in CLASSES.items()
    }
    return Catalogue.from_json(json.dumps(entries).encode())


def main() -> None:
    """Measure, and print a table."""
    known = catalogue()
    rows = {
        "100 nodes, uncached": of_runs(100, NoCache),
        "100 nodes, cached": of_runs(100, ClassicCache),
        "1,000 nodes, uncached": of_runs(1_000, NoCache),
        "5,000 nodes, uncached": of_runs(5_000, NoCache),
        "5,000 nodes, cached": of_runs(5_000, ClassicCache),
        "tiny prompt, uncached": statistics.fmean(of_runs(3, NoCache) for _ in range(ROUNDS)),
        "tiny prompt, cached": statistics.fmean(of_runs(3, ClassicCache) for _ in range(ROUNDS)),
        "5,000 nodes, validation": milliseconds(lambda: validated(parse_graph(chain(5_000)), known)),
    }
    print(f"{'':<26}{'CPU ms':>10}{'target':>10}")
    for name, value in rows.items():
        print(f"{name:<26}{value:>10.2f}{TARGETS.get(name, ''):>10}")


if __name__ == "__main__":
    main()
