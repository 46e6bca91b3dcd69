"""What nodes return, brought into one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from services.executor.engine.blocking import ExecutionBlocker
from services.executor.engine.node_class import NodeClass
from services.graph import plain_json
from services.graph.model import Link, as_link


class NodeResult(msgspec.Struct, frozen=True):
    """What a node gave: for each output the list of its values (one, unless it was mapped over or gives lists)."""

    outputs: tuple[list[Any], ...]
    #: JSON object of what the node shows, empty when it shows nothing
    ui_json: bytes


class UnusableResultError(Exception):
    """A node returned something that its class did not declare."""


#: The values that a link leads to.
Follow = Callable[[Link], list[Any]]


class Returned(msgspec.Struct, frozen=True):
    """One call's return value, taken apart; `values` is None where the node shows something and gives nothing."""

    values: Sequence[Any] | None
    ui: Mapping[str, Any] | None
    #: nodes to run in place of this one, as the node wrote them; `values` may link to their outputs
    subgraph: Any = None

    def links(self) -> list[Link]:
        """The links among the values."""
        if self.subgraph is None:
            return []
        return [link for link in map(as_link, self.values or ()) if link]


def read_returned(value: Any, node_class: NodeClass) -> Returned:
    """Take apart what one call returned.

    Raises:
        UnusableResultError: it does not fit the declared outputs.
    """
    if not isinstance(value, Mapping):
        return Returned(_values(value, node_class), None)
    ui = value.get("ui")
    if ui is not None and not isinstance(ui, Mapping):
        raise UnusableResultError(f"{node_class.class_type} returned a ui that is {_name(ui)}, not a dict")
    result = value.get("result")
    gives = "result" in value and not (result is None and "expand" in value)
    return Returned(_values(result, node_class) if gives else None, ui, value.get("expand"))


def merge_returned(returned: Sequence[Returned], node_class: NodeClass, follow: Follow) -> NodeResult:
    """Join what the calls of a node returned, in their order; `follow` is asked about links of expansions.

    Raises:
        UnusableResultError: an output that is declared to be a list is none.
    """
    given = [part for part in returned if part.values is not None]
    outputs: tuple[list[Any], ...] = ()
    if given:
        outputs = tuple(
            [item for part in given for item in _items(node_class, slot, part, is_list, follow)]
            for slot, is_list in enumerate(node_class.output_is_list)
        )
    return NodeResult(outputs, _merge_shown([part.ui for part in returned if part.ui]))


def _values(value: Any, node_class: NodeClass) -> Sequence[Any]:
    declared = node_class.output_count
    if isinstance(value, ExecutionBlocker):
        return [value] * declared
    if value is None and not declared:
        return ()
    if not isinstance(value, tuple | list):
        wanted = f"a tuple of its {declared} outputs"
        raise UnusableResultError(f"{node_class.class_type} returned {_name(value)} where {wanted} is expected")
    if len(value) != declared:
        raise UnusableResultError(f"{node_class.class_type} returned {len(value)} outputs but declares {declared}")
    return value


def _items(node_class: NodeClass, slot: int, part: Returned, is_list: bool, follow: Follow) -> Sequence[Any]:
    assert part.values is not None
    value = part.values[slot]
    if part.subgraph is not None and (link := as_link(value)):
        return follow(link)
    if not is_list or isinstance(value, ExecutionBlocker):
        return [value]
    if not isinstance(value, list | tuple):
        raise UnusableResultError(
            f"{node_class.class_type} returned {_name(value)} for output {slot}, which it declares to be a list"
        )
    return value


def _merge_shown(shown: Sequence[Mapping[str, Any]]) -> bytes:
    merged: dict[str, list[Any]] = {}
    for ui in shown:
        for key, value in ui.items():
            merged.setdefault(str(key), []).extend(value if isinstance(value, list | tuple) else [value])
    return plain_json.dump(merged) if merged else b""


def _name(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
