"""Answering a prompt from an earlier one: what it depends on beside the graph, and whether whether its files are there.

The queue knows no files. So the digests of those that the graph names go into the salt of the submission, and a result
whose files are gone is left alone: the prompt runs again then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from services.errors import InvalidArgument, NotFound
from services.files import names
from services.files.client import FileClient
from services.files.records import FileKind, FileName
from services.gateway.backends import Backends
from services.gateway.catalogue import Catalogue
from services.graph.errors import PromptRejected
from services.graph.model import Graph, parse_graph
from services.queue.records import Prompt, Submission
from services.queue.results import shown_nodes

_KINDS = {kind.value: kind for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)}


async def prepared(backends: Backends, files: FileClient, asked: Submission) -> Submission:
    """A submission that may be answered from an earlier one, with what the queue has to know for it.

    Raises:
        Unavailable: no executor has told yet which node classes exist.
    """
    try:
        graph = parse_graph(asked.graph_json)
    except PromptRejected:
        return asked  # the queue says so as well
    catalogue = await backends.catalogue.get()
    digests = {file: await _digest(files, file) for file in sorted(set(_input_files(graph, catalogue)))}
    salt = asked.reuse_salt + msgspec.json.encode(digests)
    salted = msgspec.structs.replace(asked, reuse_salt=salt)
    source = await backends.queue.find_reusable(salted)
    is_there = source is not None and all([await _exists(files, file) for file in _output_files(source)])
    return msgspec.structs.replace(salted, reuse_from=source.prompt_id if source and is_there else "")


def _input_files(graph: Graph, catalogue: Catalogue) -> Iterator[str]:
    """The names of files in the inputs of nodes, as they are written there."""
    for node in graph.nodes.values():
        for name in catalogue.file_inputs(node.class_type):
            value = node.inputs.get(name)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    yield text


async def _digest(files: FileClient, text: str) -> str:
    """Of a file's content; empty where there is none."""
    try:
        return (await files.stat(names.parse_annotated(text), digest=True)).blake3 or ""
    except (NotFound, InvalidArgument):
        return ""


def _output_files(prompt: Prompt) -> Iterator[FileName]:
    """The files that a finished prompt shows."""
    for body in shown_nodes(prompt):
        yield from _files_in(json.loads(body.output_json))


def _files_in(shown: Any) -> Iterator[FileName]:
    for items in shown.values() if isinstance(shown, dict) else ():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("filename"), str) and item.get("type") in _KINDS:
                yield FileName(_KINDS[item["type"]], str(item.get("subfolder") or ""), item["filename"])


async def _exists(files: FileClient, name: FileName) -> bool:
    try:
        await files.stat(name)
    except (NotFound, InvalidArgument):
        return False
    return True
