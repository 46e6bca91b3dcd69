"""A node class as the engine sees it: what it declares, read once per run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from services.graph.definitions import InputDefinition, read_input
from services.graph.dynamic_inputs import find

_GROUPS = ("required", "optional")


class NodeClass:
    """The declarations of one class, by ComfyUI's convention.

    INPUT_TYPES is called once; its groups may be mappings that claim to contain any name, as packs with a variable
    number of inputs make them.
    """

    def __init__(self, class_type: str, cls: Any) -> None:
        self.class_type = class_type
        self.cls = cls
        self._declared: Mapping[str, Any] = cls.INPUT_TYPES()
        self._inputs: dict[str, InputDefinition | None] = {}
        self.hidden: Mapping[str, Any] = self._declared.get("hidden") or {}

    @property
    def function(self) -> str:
        """The name of the method that does the work."""
        return str(self.cls.FUNCTION)

    @property
    def is_output(self) -> bool:
        """Whether its nodes are wanted for their own sake."""
        return getattr(self.cls, "OUTPUT_NODE", False) is True

    @property
    def shows_again(self) -> bool:
        """Whether what its nodes showed is shown again when their results are reused."""
        return self.is_output or getattr(self.cls, "HAS_INTERMEDIATE_OUTPUT", False) is True

    @property
    def takes_lists(self) -> bool:
        """Whether it is called once with lists, instead of once per item."""
        return bool(getattr(self.cls, "INPUT_IS_LIST", False))

    @property
    def output_count(self) -> int:
        """How many outputs it declares; ("IMAGE"), a tuple that lacks its comma, is one."""
        declared = self.cls.RETURN_TYPES or ()
        return 1 if isinstance(declared, str) else len(declared)

    @property
    def output_is_list(self) -> tuple[bool, ...]:
        """For each output whether it gives a list whose items count one by one."""
        declared = getattr(self.cls, "OUTPUT_IS_LIST", None) or ()
        flags = [bool(flag) for flag in declared] + [False] * self.output_count
        return tuple(flags[: self.output_count])

    @property
    def is_async(self) -> bool:
        """Whether its function is a coroutine, so that others can run while it waits."""
        return inspect.iscoroutinefunction(getattr(self.cls, str(getattr(self.cls, "FUNCTION", "")), None))

    @property
    def chooses_inputs(self) -> bool:
        """Whether it says which of its lazy inputs it needs."""
        return hasattr(self.cls, "check_lazy_status")

    @property
    def tells_changes(self) -> bool:
        """Whether it says when the same inputs would give another result."""
        return hasattr(self.cls, "IS_CHANGED")

    @property
    def shares_results(self) -> bool:
        """Whether another node of the class with the same inputs would give the same."""
        return not getattr(self.cls, "NOT_IDEMPOTENT", False) and "UNIQUE_ID" not in self.hidden.values()

    def input(self, name: str, given: Mapping[str, Any]) -> InputDefinition | None:
        """The declaration of an input of a node that has `given`, or None when it is not declared."""
        declared = self._declaration(name)
        return find(name, self._declaration, given) if declared is None and "." in name else declared

    def is_lazy(self, name: str, given: Mapping[str, Any]) -> bool:
        """Whether an input of a node that has `given` is only computed when the class asks for it."""
        declared = self.input(name, given)
        return declared is not None and bool(declared.options.get("lazy"))

    def _declaration(self, name: str) -> InputDefinition | None:
        if name not in self._inputs:
            self._inputs[name] = self._read_input(name)
        return self._inputs[name]

    def _read_input(self, name: str) -> InputDefinition | None:
        for group in _GROUPS:
            members = self._declared.get(group)  # not `or {}`: one that contains every name may be empty
            if members is not None and name in members:
                return read_input(name, members[name], required=group == "required")
        return None


class NodeClasses:
    """The classes of one run, each read when it is first needed."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._read: dict[str, NodeClass] = {}

    def __getitem__(self, class_type: str) -> NodeClass:
        """The class.

        Raises:
            LookupError: there is no such class here. What INPUT_TYPES raises passes through.
        """
        known = self._read.get(class_type)
        if known is None:
            if class_type not in self._classes:
                raise LookupError(f"there is no node class {class_type} on this executor")
            known = self._read[class_type] = NodeClass(class_type, self._classes[class_type])
        return known
