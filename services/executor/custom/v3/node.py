"""The base of node classes that are declared by a schema."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

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
        if getattr(owner, self._counterpart).__func__ is getattr(ComfyNode, self._counterpart).__func__:
            raise AttributeError(f"{owner.__name__} has no {self._counterpart}")
        return getattr(owner, self._called)


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
    DISPLAY_NAME = _FromSchema(lambda schema: schema.display_name)
    CATEGORY = _FromSchema(lambda schema: schema.category)
    DESCRIPTION = _FromSchema(lambda schema: schema.description)
    INPUT_IS_LIST = _FromSchema(lambda schema: schema.is_input_list)
    OUTPUT_NODE = _FromSchema(lambda schema: schema.is_output_node)
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
        return engine_result(cls._prepared(schema, inputs).execute(**inputs), len(schema.outputs or ()))

    @classmethod
    async def EXECUTE_NORMALIZED_ASYNC(cls, **inputs: Any) -> Any:
        """As `EXECUTE_NORMALIZED`, where `execute` is a coroutine."""
        schema = cls.GET_SCHEMA()
        return engine_result(await cls._prepared(schema, inputs).execute(**inputs), len(schema.outputs or ()))

    @classmethod
    def _fingerprint(cls, **inputs: Any) -> Any:
        return cls._prepared(cls.GET_SCHEMA(), inputs).fingerprint_inputs(**inputs)

    @classmethod
    def _wanted_inputs(cls, **inputs: Any) -> Any:
        return cls._prepared(cls.GET_SCHEMA(), inputs).check_lazy_status(**inputs)

    @classmethod
    def _prepared(cls, schema: Schema, inputs: dict[str, Any]) -> Any:
        """A class of its own for a call, so that calls at the same time do not share `hidden`, taken from inputs."""
        hidden = {member.name: inputs.pop(member.name, None) for member in schema.all_hidden}
        if schema.is_input_list:
            hidden = {name: value[0] if isinstance(value, list) and value else value for name, value in hidden.items()}
        return type(cls.__name__, (cls,), {"hidden": HiddenHolder(**hidden), "__module__": cls.__module__})
