"""What nodes return, brought into one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.executor.engine.node_class import NodeClass
from services.graph import plain_json


class NodeResult(msgspec.Struct, frozen=True):
    """What a node gave: for each output the list of its values (one, unless it was mapped over or gives lists)."""

    outputs: tuple[list[Any], ...]
    #: JSON object of what the node shows, empty when it shows nothing
    ui_json: bytes


class UnusableResultError(Exception):
    """A node returned something that its class did not declare."""


class _Return(msgspec.Struct, frozen=True):
    """One call's return value, taken apart; `values` is None where the node shows something and gives nothing."""

    values: Sequence[Any] | None
    ui: Mapping[str, Any] | None


def read_results(returned: Sequence[Any], node_class: NodeClass) -> NodeResult:
    """Merge what a node returned, one value per call.

    Raises:
        UnusableResultError: some value does not fit the declared outputs.
    """
    returns = [_read(value, node_class) for value in returned]
    return NodeResult(_merge_values(returns, node_class), _merge_shown([part.ui for part in returns if part.ui]))


def _read(value: Any, node_class: NodeClass) -> _Return:
    if not isinstance(value, Mapping):
        return _Return(_values(value, node_class), None)
    ui = value.get("ui")
    if ui is not None and not isinstance(ui, Mapping):
        raise UnusableResultError(f"{node_class.class_type} returned a ui that is {_name(ui)}, not a dict")
    return _Return(_values(value["result"], node_class) if "result" in value else None, ui)


def _values(value: Any, node_class: NodeClass) -> Sequence[Any]:
    declared = node_class.output_count
    if value is None and not declared:
        return ()
    if not isinstance(value, tuple | list):
        wanted = f"a tuple of its {declared} outputs"
        raise UnusableResultError(f"{node_class.class_type} returned {_name(value)} where {wanted} is expected")
    if len(value) != declared:
        raise UnusableResultError(f"{node_class.class_type} returned {len(value)} outputs but declares {declared}")
    return value


def _merge_values(returns: Sequence[_Return], node_class: NodeClass) -> tuple[list[Any], ...]:
    given = [part.values for part in returns if part.values is not None]
    if not given:
        return ()
    return tuple(
        _merge_slot(node_class, slot, [values[slot] for values in given], is_list)
        for slot, is_list in enumerate(node_class.output_is_list)
    )


def _merge_slot(node_class: NodeClass, slot: int, values: list[Any], is_list: bool) -> list[Any]:
    if not is_list:
        return values
    for value in values:
        if not isinstance(value, list | tuple):
            raise UnusableResultError(
                f"{node_class.class_type} returned {_name(value)} for output {slot}, which it declares to be a list"
            )
    return [item for value in values for item in value]


def _merge_shown(shown: Sequence[Mapping[str, Any]]) -> bytes:
    merged: dict[str, list[Any]] = {}
    for ui in shown:
        for key, value in ui.items():
            merged.setdefault(str(key), []).extend(value if isinstance(value, list | tuple) else [value])
    return plain_json.dump(merged) if merged else b""


def _name(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
