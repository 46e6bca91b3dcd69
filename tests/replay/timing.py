"""What in the frames of some sessions depends on how fast the host is."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

Frames = list[dict[str, Any]]


def without_steps(frames: Frames) -> Frames:
    """Without steps on the way: how many there are before somebody interrupts or comes back is up to the clock."""
    kept = []
    for frame, following in pairwise([*frames, {}]):
        if _is_step(frame) or (frame.get("type") == "progress_state" and _is_step(following)):
            continue
        kept.append(_without_values(frame))
    return kept


def _is_step(frame: dict[str, Any]) -> bool:
    return frame.get("type") == "progress" and 0 < frame["data"]["value"] < frame["data"]["max"]


def _without_values(frame: dict[str, Any]) -> dict[str, Any]:
    if frame.get("type") != "progress_state":
        return frame
    nodes = {node_id: {**node, "value": _share(node)} for node_id, node in frame["data"]["nodes"].items()}
    return {**frame, "data": {**frame["data"], "nodes": nodes}}


def _share(node: dict[str, Any]) -> Any:
    return "some" if 0 < node["value"] < node["max"] else node["value"]


def statuses_apart(frames: Frames) -> dict[str, Frames]:
    """The length of the queue changes by requests that nobody makes at a certain step of what runs."""
    statuses = [frame for frame in frames if frame.get("type") == "status"]
    return {"statuses": statuses, "others": [frame for frame in frames if frame not in statuses]}


def nodes_apart(frames: Frames) -> dict[str, list[Any]]:
    """What is told of each node, since they run side by side; of its progress only what it is measured by."""
    told: dict[str, list[Any]] = {}
    for frame in frames:
        for node_id, what in _told_of_nodes(frame):
            if told.setdefault(node_id, [])[-1:] != [what]:
                told[node_id].append(what)
    return told


def _told_of_nodes(frame: dict[str, Any]) -> list[tuple[str, Any]]:
    match frame:
        case {"type": "progress_state", "data": {"nodes": nodes}}:
            return [(f"{node_id} is", {**node, "value": 0}) for node_id, node in nodes.items()]
        case {"type": "progress", "data": data}:
            return [(data["node"], {**frame, "data": {**data, "value": 0}})]
        case {"data": {"node": str(node_id)}}:
            return [(node_id, frame)]
    return [("prompt", frame)]


TIMING: dict[str, Callable[[Frames], Any]] = {
    "async_sleep_parallel": nodes_apart,
    "interrupted": without_steps,
    "no_client_id": without_steps,
    "queue_ops": statuses_apart,
    "reconnect_mid_run": without_steps,
    "two_clients": statuses_apart,
}
