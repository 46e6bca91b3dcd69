"""The base of node classes that are declared by a schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from services.executor.custom.v3.dynamic import gathered
from services.executor.custom.v3.output import engine_result
from services.executor.custom.v3.schema import HiddenHolder, Schema


class _FromSchema:
    """A class attribute of the older interface, read from the schema."""

    def __init__(self, read: Callable[[Schema], Any]) -> None:
        self._read = read

    def __get__(self, instance: object, owner: type[ComfyNode]) -> Any:
        return self._read(owner.GET_SCHEMA())


class _Optional:
    """A class method of the older interface, there only when the class has written its counterpart."""

    def __init__(self, counterpart: str, called: str) -> None:
        self._counterpart = counterpart
        self._called = called

    def __get__(self, instance: object, owner: type[ComfyNode]) -> Any:
        if _is_inherited(owner, self._counterpart):
            raise AttributeError(f"{owner.__name__} has no {self._counterpart}")
        return getattr(owner, self._called)


class _OutputTemplates:
    """The templates of outputs, there only when one of them has one."""

    def __get__(self, instance: object, owner: type[ComfyNode]) -> list[str | None]:
        templates = owner.GET_SCHEMA().output_templates
        if templates is None:
            raise AttributeError(f"{owner.__name__} has no outputs whose type follows from others")
        return templates


class _FunctionName:
    """The name of the method that does the work, by whether it is a coroutine."""

    def __get__(self, instance: object, owner: type[ComfyNode]) -> str:
        return "EXECUTE_NORMALIZED_ASYNC" if inspect.iscoroutinefunction(owner.execute) else "EXECUTE_NORMALIZED"


class ComfyNode:
    """A node class: `define_schema` and `execute`, and what else it likes of the class methods here."""

    #: what the running call knows beside its inputs
    hidden: ClassVar[HiddenHolder] = HiddenHolder()

    FULL_DEFINITION = True
    FUNCTION = _FunctionName()
    RETURN_TYPES = _FromSchema(lambda schema: tuple(output.get_io_type() for output in schema.outputs or ()))
    RETURN_NAMES = _FromSchema(lambda schema: tuple(output.name for output in schema.outputs or ()))
    OUTPUT_IS_LIST = _FromSchema(lambda schema: tuple(output.is_output_list for output in schema.outputs or ()))
    OUTPUT_TOOLTIPS = _FromSchema(lambda schema: tuple(output.tooltip for output in schema.outputs or ()))
    OUTPUT_MATCHTYPES = _OutputTemplates()
    DISPLAY_NAME = _FromSchema(lambda schema: schema.display_name)
    CATEGORY = _FromSchema(lambda schema: schema.category)
    DESCRIPTION = _FromSchema(lambda schema: schema.description)
    INPUT_IS_LIST = _FromSchema(lambda schema: schema.is_input_list)
    OUTPUT_NODE = _FromSchema(lambda schema: schema.is_output_node)
    HAS_INTERMEDIATE_OUTPUT = _FromSchema(lambda schema: schema.has_intermediate_output)
    NOT_IDEMPOTENT = _FromSchema(lambda schema: schema.not_idempotent)
    DEPRECATED = _FromSchema(lambda schema: schema.is_deprecated)
    EXPERIMENTAL = _FromSchema(lambda schema: schema.is_experimental)
    API_NODE = _FromSchema(lambda schema: schema.is_api_node)
    VALIDATE_INPUTS = _Optional("validate_inputs", "validate_inputs")
    IS_CHANGED = _Optional("fingerprint_inputs", "_fingerprint")

    def __init__(self) -> None:
        # What the engine calls gets the hidden values among the inputs.
        vars(self)["check_lazy_status"] = self._wanted_inputs

    @classmethod
    def define_schema(cls) -> Schema:
        """What the node takes and gives."""
        raise NotImplementedError(f"{cls.__name__} has no define_schema")

    @classmethod
    def execute(cls, **kwargs: Any) -> Any:
        """Do the work; returns a NodeOutput."""
        raise NotImplementedError(f"{cls.__name__} has no execute")

    @classmethod
    def validate_inputs(cls, **kwargs: Any) -> bool | str:
        """Whether the inputs can be used, or what is wrong with them."""
        return True

    @classmethod
    def fingerprint_inputs(cls, **kwargs: Any) -> Any:
        """What differs when the same inputs would give another result."""
        return None

    @classmethod
    def check_lazy_status(cls, **kwargs: Any) -> list[str]:
        """The lazy inputs that are needed: all."""
        return [name for name, value in kwargs.items() if value is None]

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        """The schema as it was when it was first asked for.

        Raises:
            ValueError: it cannot be one.
        """
        if "_schema" not in vars(cls):
            schema = cls.define_schema()
            schema.check()
            cls._schema = schema
        return cls._schema

    _schema: ClassVar[Schema]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The inputs, with the choices that there are now."""
        return cls.define_schema().input_types()

    @classmethod
    def EXECUTE_NORMALIZED(cls, **inputs: Any) -> Any:
        """Call `execute` and give what the engine reads."""
        schema = cls.GET_SCHEMA()
        called, values = cls._prepared(schema, inputs)
        return engine_result(called.execute(**values), len(schema.outputs or ()))

    @classmethod
    async def EXECUTE_NORMALIZED_ASYNC(cls, **inputs: Any) -> Any:
        """As `EXECUTE_NORMALIZED`, where `execute` is a coroutine."""
        schema = cls.GET_SCHEMA()
        called, values = cls._prepared(schema, inputs)
        return engine_result(await called.execute(**values), len(schema.outputs or ()))

    @classmethod
    def _fingerprint(cls, **inputs: Any) -> Any:
        called, values = cls._prepared(cls.GET_SCHEMA(), inputs)
        return called.fingerprint_inputs(**values)

    @classmethod
    def _wanted_inputs(cls, **inputs: Any) -> Any:
        called, values = cls._prepared(cls.GET_SCHEMA(), inputs)
        if _is_inherited(cls, "check_lazy_status"):  # which has to see the inputs by their whole names
            return called.check_lazy_status(**inputs)
        return called.check_lazy_status(**values)

    @classmethod
    def _prepared(cls, schema: Schema, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A class of its own for a call, so that calls at the same time do not share `hidden`, and what to call it
        with."""
        hidden = {member.name: inputs.pop(member.name, None) for member in schema.all_hidden}
        if schema.is_input_list:
            hidden = {name: value[0] if isinstance(value, list) and value else value for name, value in hidden.items()}
        called = type(cls.__name__, (cls,), {"hidden": HiddenHolder(**hidden), "__module__": cls.__module__})
        return called, gathered(schema.inputs or (), inputs)


def _is_inherited(node: type[ComfyNode], method: str) -> bool:
    """Whether the class has not written the class method itself."""
    return bool(getattr(node, method).__func__ is getattr(ComfyNode, method).__func__)
