"""Turns what validation found into the errors that clients are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from services.graph.definitions import Catalogue
from services.graph.errors import NodeError, NodeErrors
from services.graph.inspection import Finding
from services.graph.model import Graph
from services.graph.rules.exceptions import Dependant, Fault, exception_error

#: Steps taken to find which outputs a faulty node spoils; in a prompt where that takes more, some are not named.
MAX_STEPS = 500_000


class Report:
    """The errors of a prompt; `order` is the nodes looked at, each after its sources."""

    def __init__(
        self,
        graph: Graph,
        catalogue: Catalogue,
        outputs: Sequence[str],
        order: Sequence[str],
        findings: Mapping[str, list[Finding]],
    ) -> None:
        self._graph = graph
        self._catalogue = catalogue
        self._outputs = outputs
        self._output_set = frozenset(outputs)
        self._order = order
        self._findings = findings

    @cached_property
    def good_outputs(self) -> tuple[str, ...]:
        """The outputs that can be produced, in the order of the prompt."""
        return tuple(output for output in self._outputs if output not in self._bad_nodes)

    @cached_property
    def node_errors(self) -> dict[str, NodeErrors]:
        """What is wrong with each node, and which outputs that spoils, in the order of the prompt."""
        dependents: dict[str, list[str]] = {node_id: [] for node_id in self._graph.nodes if node_id in self._findings}
        steps = 0
        for output in self._outputs:
            if output not in self._bad_nodes or steps > MAX_STEPS:
                continue
            ancestors = self._bad_ancestors(output)
            steps += len(ancestors)
            for node_id in ancestors:
                if node_id in dependents:
                    dependents[node_id].append(output)
        return {
            node_id: NodeErrors(self._errors_of(node_id), outputs, self._graph.nodes[node_id].class_type)
            for node_id, outputs in dependents.items()
        }

    @property
    def summary(self) -> str:
        """A line for each error of an output, and for each cycle."""
        lines = {
            f"{error.message}: {error.details}": None
            for node_id, errors in self.node_errors.items()
            for error in errors.errors
            if node_id in self._output_set or error.type == "dependency_cycle"
        }
        return "\n".join(lines)

    @cached_property
    def _bad_nodes(self) -> set[str]:
        """Nodes with findings, and all that depend on them."""
        bad: set[str] = set()
        seen: set[str] = set()
        for node_id in self._order:
            # A source that comes later in the order closes a cycle.
            if node_id in self._findings or any(
                source in bad or source not in seen for source in self._sources(node_id)
            ):
                bad.add(node_id)
            seen.add(node_id)
        return bad

    def _sources(self, node_id: str) -> Iterable[str]:
        return self._graph.sources(node_id)

    def _bad_ancestors(self, output: str) -> Collection[str]:
        found = {output: None}
        pending = [output]
        while pending:
            for source in self._sources(pending.pop()):
                if source in self._bad_nodes and source not in found:
                    found[source] = None
                    pending.append(source)
        return found

    def _errors_of(self, node_id: str) -> list[NodeError]:
        dependant = None if node_id in self._output_set else self._dependants.get(node_id)
        return [
            exception_error(finding, dependant) if isinstance(finding, Fault) else finding
            for finding in self._findings[node_id]
        ]

    @cached_property
    def _dependants(self) -> dict[str, Dependant]:
        """For each node the first input, in the order of the prompt, that takes something from it."""
        first: dict[str, Dependant] = {}
        looked_at = set(self._order)
        for node in self._graph.nodes.values():
            if node.id not in looked_at:
                continue
            declared = self._catalogue[node.class_type].inputs
            for name, link in node.links():
                config = declared[name].config if name in declared else None
                first.setdefault(link.node_id, Dependant(name, config, link))
        return first
