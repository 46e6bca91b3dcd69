"""Node classes and prompts for tests of the queue."""

from __future__ import annotations

import json
from typing import Any

from blake3 import blake3

from services.queue.records import Submission
from services.queue.work import CataloguePublication


def definition(*, output: bool = False, validation: dict[str, Any] | None = None, **required: str) -> dict[str, Any]:
    """A class with these inputs, by name and type."""
    entry: dict[str, Any] = {
        "input": {"required": {name: [kind, {}] for name, kind in required.items()}},
        "output": [] if output else ["NUMBER"],
        "output_node": output,
    }
    return entry | ({"validation": validation} if validation else {})


CLASSES = {
    "Number": definition(value="INT"),
    "Show": definition(output=True, number="NUMBER"),
    "Picky": definition(output=True, value="INT", validation={"arguments": ["value"], "any": False}),
}


def publication(classes: dict[str, Any] = CLASSES) -> CataloguePublication:
    """The catalogue of an executor with these classes."""
    definitions = json.dumps(classes).encode()
    return CataloguePublication(blake3(definitions).hexdigest(), definitions)


def graph(value: int = 1) -> bytes:
    """A prompt that can be run."""
    number = {"class_type": "Number", "inputs": {"value": value}}
    return json.dumps({"1": number, "2": {"class_type": "Show", "inputs": {"number": ["1", 0]}}}).encode()


def submission(value: int = 1, **fields: Any) -> Submission:
    """The submission of such a prompt."""
    return Submission(graph_json=graph(value), **fields)
