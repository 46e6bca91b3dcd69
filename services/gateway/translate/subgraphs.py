"""`/global_subgraphs`: the subgraphs that node packs have for everybody."""

from __future__ import annotations

import hashlib
from typing import NotRequired, TypedDict


class SubgraphInfo(TypedDict):
    """Who has it."""

    node_pack: str


class Subgraph(TypedDict):
    """A subgraph, with its JSON when one is asked for."""

    source: str
    name: str
    info: SubgraphInfo
    data: NotRequired[str]


def subgraph(pack: str, name: str) -> Subgraph:
    """The description of a pack's subgraph."""
    return Subgraph(source="custom_node", name=name, info=SubgraphInfo(node_pack=f"custom_nodes.{pack}"))


def subgraph_id(pack: str, name: str) -> str:
    """The id under which it is asked for: the same wherever and whenever the pack is loaded."""
    return hashlib.sha256(f"{pack}/{name}".encode()).hexdigest()
