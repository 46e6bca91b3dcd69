"""The OpenAPI document of the routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.routing import compile_path

from services import __version__
from services.gateway.errors import ErrorResponse
from services.gateway.operations import JSON, Answer, Body, File, Operation, Parameter
from services.gateway.resource import Endpoint

Json = dict[str, Any]

#: Errors that any request can get: from a foreign origin, and where a service behind the gateway fails, is not there or
#: does not answer.
ALWAYS = (403, 502, 503, 504)
#: Errors that a request with a body can get beside them.
WITH_BODY = (400, 413)

_DESCRIPTION = """The ComfyUI API as Silverprint serves it.

Errors have one shape, `ErrorResponse`. HEAD is answered where GET is. Node packs may answer paths of their own."""


def build_document(endpoints: Iterable[Endpoint], prefix: str) -> Json:
    """The document of the operations among the handlers; the others are left out.

    Args:
        prefix: where else all endpoints are.

    Raises:
        ValueError: two types that clients meet have one name.
    """
    schemas = _Schemas()
    paths: dict[str, Json] = {}
    errors: set[int] = set()
    for endpoint in endpoints:
        _, path, placeholders = compile_path(endpoint.path)
        for method, handler in endpoint.methods.items():
            if isinstance(handler, Operation):
                failures = _failures(handler)
                errors |= failures
                described = _operation(handler, list(placeholders), failures, schemas)
                paths.setdefault(path, {})[method.lower()] = described
    responses = {_name(status): _answer(status, Answer({JSON: ErrorResponse}), schemas) for status in sorted(errors)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Silverprint", "description": _DESCRIPTION, "version": __version__},
        "servers": [{"url": prefix}, {"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": responses,
        },
    }


class _Schemas:
    """Makes JSON Schemas of types, and collects those with names."""

    def __init__(self) -> None:
        self.components: Json = {}

    def of(self, type: Any) -> Json:
        """The schema of a type, by reference where it has a name."""
        (schema,), components = msgspec.json.schema_components([type], ref_template="#/components/schemas/{name}")
        for name, component in components.items():
            if self.components.setdefault(name, component) != component:
                raise ValueError(f"two types are named {name}")
        return schema

    def content(self, types: Mapping[str, Any]) -> Json:
        """Schemas by media type."""
        return {media_type: {"schema": self.of(type)} for media_type, type in types.items()}


def _failures(operation: Operation) -> set[int]:
    return {*ALWAYS, *(WITH_BODY if operation.body else ()), *operation.errors} - set(operation.answers)


def _operation(operation: Operation, placeholders: Iterable[str], failures: set[int], schemas: _Schemas) -> Json:
    summary, _, description = operation.description.partition("\n\n")
    described: Json = {"operationId": operation.operation_id, "tags": [operation.tag], "summary": summary}
    if description:
        described["description"] = description
    parameters = [_parameter(parameter, schemas) for parameter in _parameters(operation, placeholders)]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = _body(operation.body, schemas)
    answers = {status: _answer(status, answer, schemas) for status, answer in operation.answers.items()}
    answers |= {status: {"$ref": f"#/components/responses/{_name(status)}"} for status in failures}
    described["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return described


def _parameters(operation: Operation, placeholders: Iterable[str]) -> Iterator[Parameter]:
    """What the operation declares, and what its path has beside that."""
    declared = {parameter.name for parameter in operation.parameters}
    for name in placeholders:
        if name not in declared:
            yield Parameter(name, "", place="path", required=True)
    yield from operation.parameters


def _parameter(parameter: Parameter, schemas: _Schemas) -> Json:
    described: Json = {"name": parameter.name, "in": parameter.place}
    if parameter.description:
        described["description"] = parameter.description
    if parameter.required or parameter.place == "path":
        described["required"] = True
    return described | {"schema": schemas.of(parameter.type)} | _example(parameter)


def _body(body: Body, schemas: _Schemas) -> Json:
    content = {media_type: it | _example(body) for media_type, it in schemas.content(body.content).items()}
    return {"required": body.required, "content": content}


def _example(described: Parameter | Body) -> Json:
    return {} if described.example is None else {"example": described.example}


def _answer(status: int, answer: Answer, schemas: _Schemas) -> Json:
    described: Json = {"description": answer.description or HTTPStatus(status).phrase}
    if answer.content:
        # A file has no schema: it may say of itself that it is JSON, and be none.
        files: Json = {media_type: {} for media_type, type in answer.content.items() if type is File}
        described["content"] = schemas.content(answer.content) | files
    return described


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")
