"""Whether a prompt can be run, and if not, what is wrong with which node."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from services.graph.complaints import Ask
from services.graph.definitions import Catalogue
from services.graph.errors import PromptRejected, encode_node_errors
from services.graph.inspection import Finding, can_be_asked, inspect_node
from services.graph.model import Graph, unknown_class
from services.graph.report import Report
from services.graph.rules.custom import complaint_error
from services.graph.rules.cycles import cycle_errors
from services.graph.traversal import Ancestry


class ValidatedPrompt(msgspec.Struct, frozen=True):
    """What of a prompt will be run."""

    #: in the order of the prompt
    output_node_ids: tuple[str, ...]
    #: JSON object of the errors of nodes that will not run
    node_errors_json: bytes


async def validate(
    graph: Graph, catalogue: Catalogue, only_outputs: Collection[str] | None, ask: Ask
) -> ValidatedPrompt:
    """Hold a prompt to the rules; one output that can be produced is enough.

    Time and answer depend on nothing but the prompt: linear in its size, errors in the order of the prompt and of
    the declarations. `ask` is called at most once, and not at all when no class checks its own inputs; what it
    raises passes through.

    Raises:
        PromptRejected: `invalid_prompt` (a class that nobody has), `prompt_no_outputs` or
            `prompt_outputs_failed_validation`.
    """
    _require_known_classes(graph, catalogue)
    outputs = requested_outputs(graph, catalogue, only_outputs)
    if not outputs:
        raise PromptRejected.because("prompt_no_outputs", "Prompt has no outputs")
    ancestry = Ancestry(outputs, graph.sources)
    findings = {node_id: inspect_node(graph.nodes[node_id], graph, catalogue) for node_id in ancestry.order}
    await _add_complaints(findings, graph, catalogue, ask)
    _add_cycles(findings, ancestry.cycles)
    wrong = {node_id: found for node_id, found in findings.items() if found}
    report = Report(graph, catalogue, outputs, ancestry.order, wrong)
    if not report.good_outputs:
        message = "Prompt outputs failed validation"
        raise PromptRejected.because("prompt_outputs_failed_validation", message, report.summary, report.node_errors)
    return ValidatedPrompt(report.good_outputs, encode_node_errors(report.node_errors))


def _require_known_classes(graph: Graph, catalogue: Catalogue) -> None:
    for node in graph.nodes.values():
        if node.class_type not in catalogue:
            raise unknown_class(node.id, node.class_type)


def requested_outputs(graph: Graph, catalogue: Catalogue, only: Collection[str] | None) -> list[str]:
    """The output nodes, or those of them that were chosen, in the order of the prompt; all classes are known."""
    return [
        node.id
        for node in graph.nodes.values()
        if catalogue[node.class_type].is_output and (only is None or node.id in only)
    ]


async def _add_complaints(findings: dict[str, list[Finding]], graph: Graph, catalogue: Catalogue, ask: Ask) -> None:
    asked = [
        node_id
        for node_id, found in findings.items()
        if can_be_asked(catalogue[graph.nodes[node_id].class_type], found)
    ]
    complaints = await ask(asked) if asked else {}
    for node_id in asked:
        findings[node_id] += [complaint_error(complaint) for complaint in complaints.get(node_id, ())]


def _add_cycles(findings: dict[str, list[Finding]], cycles: Iterable[list[str]]) -> None:
    for cycle in cycles:
        for node_id, error in cycle_errors(cycle).items():
            findings[node_id].append(error)
