"""Node definitions for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.graph.complaints import Complaint
from services.graph.definitions import Catalogue
from services.graph.model import Graph, parse_graph
from services.graph.validation import ValidatedPrompt, validate

RECORDED = Path(__file__).parent.parent / "recorded"


def recorded_catalogue() -> Catalogue:
    """The classes that the recorded submissions use."""
    return Catalogue.from_json((RECORDED / "submission_classes.json").read_bytes())


def catalogue(**classes: dict[str, Any]) -> Catalogue:
    """A catalogue of these entries of `/object_info`."""
    return Catalogue.from_json(json.dumps(classes).encode())


def graph(**nodes: tuple[str, dict[str, Any]]) -> Graph:
    """A graph of class and inputs by node id."""
    source = {node_id: {"class_type": class_type, "inputs": inputs} for node_id, (class_type, inputs) in nodes.items()}
    return parse_graph(json.dumps(source).encode())


async def nobody_complains(node_ids: object) -> dict[str, list[Complaint]]:
    """The answer of an executor whose classes have no objection."""
    return {}


async def validated(submitted: Graph, known: Catalogue, only: list[str] | None = None) -> ValidatedPrompt:
    """The graph held to the rules, with classes that have no objection."""
    return await validate(submitted, known, only, nobody_complains)
