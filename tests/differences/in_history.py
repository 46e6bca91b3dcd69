"""What the history holds."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Difference, everywhere
from tests.recordings import Outcome


def _as_it_was_sent(outcome: Outcome) -> None:
    if outcome.get("entry") and outcome.get("sent"):
        outcome["entry"]["prompt"][2] = outcome["sent"]


def _its_own_nodes(entry: dict[str, Any]) -> None:
    for node_id, meta in entry.get("meta", {}).items():
        if meta["node_id"] != node_id:
            meta |= {"node_id": node_id, "display_node": node_id, "real_node_id": node_id}


def _what_was_asked_for(entry: dict[str, Any]) -> None:
    if "meta" not in entry:
        return
    surplus = entry["outputs"].keys() - set(entry["prompt"][4])
    for node_id in surplus:
        del entry["outputs"][node_id], entry["meta"][node_id]
    for cached in (data for kind, data in entry["status"]["messages"] if kind == "execution_cached"):
        cached["nodes"] = [node_id for node_id in cached["nodes"] if node_id not in surplus]


def _an_error(entry: dict[str, Any]) -> None:
    if "status_str" in entry:
        entry |= {"status_str": "error", "completed": False}


IN_HISTORY = (
    Difference(
        "the workflow is what the client sent",
        "ComfyUI shows some inputs converted, and some as they were sent",
        _as_it_was_sent,
    ),
    Difference(
        "meta names the nodes of this prompt",
        "ComfyUI names those of the prompt whose results were reused",
        everywhere(_its_own_nodes),
    ),
    Difference(
        "of a partial run only what it was asked for is shown",
        "ComfyUI shows what an earlier run made; its later versions do not either",
        everywhere(_what_was_asked_for),
        (
            "partial_execution_targets one of two",
            "partial_execution_targets string",
            "partial skips errors elsewhere",
            "partial_execution_targets",
        ),
    ),
    Difference(
        "a run that ended with an error is an error",
        "ComfyUI calls it a success after it has sent execution_error",
        everywhere(_an_error),
        ("dynamic_cycle",),
    ),
)
