"""Which prompts are equal, so that what came of one is the answer to the other."""

from __future__ import annotations

import json

from blake3 import blake3

from services.graph.definitions import Catalogue
from services.graph.model import Graph
from services.graph.traversal import Ancestry
from services.graph.validation import requested_outputs
from services.queue.records import Submission
from services.queue.stores.base import Reuse


def reuse_of(submission: Submission, graph: Graph, catalogue: Catalogue) -> Reuse | None:
    """How a submission may be answered from an earlier one; None when it may not.

    That is so when it does not ask for it, and when it needs a node whose results cannot be foreseen.
    """
    if not submission.reuse or any(node.class_type not in catalogue for node in graph.nodes.values()):
        return None
    needed = Ancestry(requested_outputs(graph, catalogue, submission.only_outputs), graph.sources).order
    if not all(catalogue[graph.nodes[node_id].class_type].is_repeatable for node_id in needed):
        return None
    return Reuse(digest=_digest(submission, graph), source=submission.reuse_from, node_ids=tuple(needed))


def _digest(submission: Submission, graph: Graph) -> bytes:
    """Of the graph without what only front ends read, of the outputs that were chosen, and of the salt."""
    nodes = {
        node_id: [node.class_type, graph.source[node_id].get("inputs", {})] for node_id, node in graph.nodes.items()
    }
    chosen = None if submission.only_outputs is None else sorted(set(submission.only_outputs))
    canonical = json.dumps([nodes, chosen, submission.file_space], sort_keys=True, separators=(",", ":")).encode()
    return blake3(canonical + b"\n" + submission.reuse_salt).digest()
