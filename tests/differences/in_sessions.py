"""What clients are told over their sockets, and what they are answered meanwhile."""

from __future__ import annotations

import copy
from typing import Any

from tests.differences.difference import Change, Difference, refusal
from tests.recordings import Outcome


def _answered(place: int, *reason: Any, **more: Any) -> Change:
    def change(outcome: Outcome) -> None:
        outcome["answers"][place] = refusal(*reason, **more)

    return change


def _told_to_the_older_too(outcome: Outcome) -> None:
    outcome["frames"]["older"] = copy.deepcopy(outcome["frames"]["newer"])


def _told_after_the_older_left(outcome: Outcome) -> None:
    greeting, *run = outcome["frames"]["newer"]
    again = copy.deepcopy(run)
    for frame in again:
        _renamed(frame, {"prompt 0": "prompt 1", _picture(0, 0): _picture(0, 1)})
    outcome["frames"]["newer"] = [greeting, *run, *again]


def _the_first_of_an_id_only(outcome: Outcome) -> None:
    outcome["answers"][3]["body"] = ["same-id"]
    first = outcome["history"][0]["prompt"]
    first[2]["1"]["inputs"]["color"] -= 1


def _where_things_stand(outcome: Outcome) -> None:
    frames = outcome["frames"]["second"]
    executing = frames[1]["data"]
    executing |= {"display_node": executing["node"], "prompt_id": "prompt 0"}
    board = next(frame for frame in frames if frame["type"] == "progress_state")
    frames.insert(1, copy.deepcopy(board))


def _inputs(outcome: Outcome) -> None:
    inputs = {"value": ["tensor"], "error_after": [0.05]}
    frame = next(frame for frame in outcome["frames"]["submitter"] if frame["type"] == "execution_error")
    (told,) = (data for kind, data in outcome["history"][0]["status"]["messages"] if kind == "execution_error")
    frame["data"]["current_inputs"] = told["current_inputs"] = inputs


def _in_the_order_of_the_workflow(outcome: Outcome) -> None:
    """The branch 1, 2, 3 runs before 4, 5, 6; so its picture is the first one."""
    frames = outcome["frames"]["submitter"]
    end = [frame["type"] for frame in frames].index("execution_success")
    other = {"1": "4", "2": "5", "3": "6", "4": "1", "5": "2", "6": "3"}
    for frame in frames[:end]:
        _renamed(frame, other)
    pictures = {_picture(node, number): _picture(1 - node, number) for node in (0, 1) for number in range(3)}
    for later in [*frames[end:], *(entry["outputs"] for entry in outcome["history"])]:
        _renamed(later, pictures)


def _picture(node: int, number: int) -> str:
    return f"temporary {node}, {number} after the first"


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """`value`, in which keys and texts have other names."""
    if isinstance(value, dict):
        renamed = {names.get(key, key): _renamed(item, names) for key, item in value.items()}
        value.clear()
        value.update(renamed)
    elif isinstance(value, list):
        value[:] = [_renamed(item, names) for item in value]
    elif isinstance(value, str):
        return names.get(value, value)
    return value


def _as_they_will_run(outcome: Outcome) -> None:
    pending = outcome["answers"][7]["body"]["queue_pending"]
    pending.sort(key=lambda item: float(item[0].split()[0]))
    order = [item[1] for item in pending]
    for answer in outcome["answers"][8:]:
        if isinstance(answer["body"], list):
            answer["body"].sort(key=order.index)


def _without_secrets(outcome: Outcome) -> None:
    for item in outcome["answers"][7]["body"]["queue_pending"]:
        item[3].pop("api_key_comfy_org", None)


def _one_taken_back_by_its_id(outcome: Outcome) -> None:
    for answer in outcome["answers"][16:]:
        if isinstance(answer["body"], list) and "prompt 2" in answer["body"]:
            answer["body"].remove("prompt 2")
    frames = outcome["frames"]["submitter"]
    numbers = [
        frame["data"]["status"]["exec_info"]["queue_remaining"] if frame["type"] == "status" else 0 for frame in frames
    ]
    told = {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 5}}}}
    frames.insert(len(numbers) - numbers[::-1].index(6), told)


def _a_cycle(outcome: Outcome) -> None:
    error = {"type": "dependency_cycle", "message": "Dependency cycle detected", "details": "1 -> 1", "extra_info": {}}
    body = outcome["answers"][0]["body"]
    body["error"]["details"] = "Dependency cycle detected: 1 -> 1"
    body["node_errors"] = {"1": {"errors": [error], "dependent_outputs": ["2"], "class_type": "ImageInvert"}}


def _no_manager(outcome: Outcome) -> None:
    (flags,) = (frame for frame in outcome["frames"]["submitter"] if frame["type"] == "feature_flags")
    del flags["data"]["extension"]


IN_SESSIONS = (
    Difference(
        "the inputs of a node that runs beside others are told when it fails",
        "ComfyUI has forgotten them",
        _inputs,
        ("async_error",),
    ),
    Difference(
        "all sockets of a client are told",
        "ComfyUI tells the newer one only",
        _told_to_the_older_too,
        ("duplicate_client_id",),
    ),
    Difference(
        "a socket goes on being told when an older one closes",
        "ComfyUI forgets the client then",
        _told_after_the_older_left,
        ("duplicate_client_id",),
    ),
    Difference(
        "an id that is in use is refused",
        "ComfyUI answers 500 and runs both, of which the later overwrites the earlier",
        _answered(2, "already_exists", "prompt same-id exists already, and it is a different one", status=409),
        ("heap_conflict",),
    ),
    Difference(
        "the prompt that had the id first is the only one",
        "ComfyUI answers 500 and runs both, of which the later overwrites the earlier",
        _the_first_of_an_id_only,
        ("heap_conflict",),
    ),
    Difference(
        "independent branches run in the order of the workflow",
        "in ComfyUI the order changes with every start of the server",
        _in_the_order_of_the_workflow,
        ("partial_cache",),
    ),
    Difference(
        "queue_pending is in the order in which prompts will run",
        "ComfyUI shows its heap as it lies in memory",
        _as_they_will_run,
        ("queue_ops",),
    ),
    Difference(
        "credentials in extra_data are shown to nobody",
        "they are the submitter's; later versions of ComfyUI hide them, too",
        _without_secrets,
        ("queue_ops",),
    ),
    Difference(
        "an id instead of a list of ids takes that prompt back",
        "the documents of ComfyUI say so; the server takes the letters for ids",
        _one_taken_back_by_its_id,
        ("queue_ops",),
    ),
    Difference(
        "bad input is refused with a reason",
        "ComfyUI answers 500",
        _answered(21, "invalid_json", "the body is not JSON: '{' expected at character 0"),
        ("queue_ops",),
    ),
    Difference(
        "a client that comes back is told where things stand, of which prompt",
        "ComfyUI tells the node only",
        _where_things_stand,
        ("reconnect_mid_run",),
    ),
    Difference(
        "a node that needs itself is named",
        "ComfyUI runs into its recursion limit and names nothing",
        _a_cycle,
        ("static_self_cycle_400",),
    ),
    Difference(
        "no extension is said to be there",
        "there is no manager of extensions",
        _no_manager,
        ("v08_success",),
    ),
)
