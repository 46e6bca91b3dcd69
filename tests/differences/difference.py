"""One difference, and what it takes to write it down."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.recordings import Outcome

#: Changes a comparable outcome in place.
Change = Callable[[Outcome], None]


@dataclass(frozen=True)
class Difference:
    """Something that we do otherwise."""

    what: str
    why: str
    #: makes ComfyUI's outcome ours
    change: Change
    #: labels of submissions or names of sessions; None where it may be anywhere
    where: tuple[str, ...] | None = None


def ours(name: str, outcome: Outcome, differences: Iterable[Difference]) -> Outcome:
    """What we say where ComfyUI says this; `name` is the label of the submission or the name of the session."""
    changed = copy.deepcopy(outcome)
    for difference in differences:
        if difference.where is None or name in difference.where:
            difference.change(changed)
    return changed


def everywhere(change: Callable[[dict[str, Any]], None]) -> Change:
    """The change of an outcome that changes every message and entry in it."""

    def change_all(outcome: Outcome) -> None:
        for found in list(_dictionaries(outcome)):
            change(found)

    return change_all


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _dictionaries(item)


def refusal(
    type_: str,
    message: str,
    details: str | None = None,
    *,
    status: int = 400,
    field: str = "",
    node_errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The status and body of an answer that refuses something."""
    extra = {"field": field} if field else {}
    error = {"type": type_, "message": message, "details": message if details is None else details, "extra_info": extra}
    return {"status": status, "body": {"error": error, "node_errors": node_errors or {}}}


def refused(*reason: Any, **more: Any) -> Change:
    """The change of what came of a submission into a refusal, with the arguments of `refusal`."""

    def change(outcome: Outcome) -> None:
        answer = refusal(*reason, **more)
        outcome |= {"status": answer["status"], "answer": answer["body"], "entry": None}

    return change
