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

#: Errors that any request can get: where there are keys, without one or with one that brings too many; from a foreign
#: origin; and where a service behind the gateway fails, is not there or does not answer.
ALWAYS = (401, 403, 429, 502, 503, 504)
#: Errors that a request with a body can get beside them.
WITH_BODY = (400, 413)

_DESCRIPTION = """The ComfyUI API as Silverprint serves it.

Where the gateway asks for keys, a request shows one, and sees what is its user's.

Errors have one shape, `ErrorResponse`. HEAD is answered where GET is. Node packs may answer paths of their own."""


#: How a key is shown.
_KEYS: Json = {
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "token", "description": "for sockets and links"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "silverprint-key", "description": "set by /sign-in"},
}


def build_document(endpoints: Iterable[Endpoint], internal: Iterable[Endpoint], prefix: str) -> Json:
    """The document of the operations among the handlers; the others are left out.

    Args:
        internal: those that are not below `prefix`, as `endpoints` are too.

    Raises:
        ValueError: two types that clients meet have one name.
    """
    components = _Components()
    paths = _paths(endpoints, components)
    paths |= {path: {"servers": [{"url": "/"}], **item} for path, item in _paths(internal, components).items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Silverprint", "description": _DESCRIPTION, "version": __version__},
        "servers": [{"url": prefix}, {"url": "/"}],
        "paths": paths,
        "components": components.described() | {"securitySchemes": _KEYS},
        "security": [{}, *({name: []} for name in _KEYS)],
    }


class _Components:
    """Makes JSON Schemas of types, and collects those with names; and answers that are the same everywhere."""

    def __init__(self) -> None:
        self._schemas: Json = {}
        self._failures: set[int] = set()

    def described(self) -> Json:
        """What was collected."""
        failure = Answer({JSON: ErrorResponse})
        responses = {_name(status): _answer(status, failure, self) for status in sorted(self._failures)}
        return {"schemas": dict(sorted(self._schemas.items())), "responses": responses}

    def failure(self, status: int) -> Json:
        """The answer with the error shape, by reference."""
        self._failures.add(status)
        return {"$ref": f"#/components/responses/{_name(status)}"}

    def schema(self, type: Any) -> Json:
        """The schema of a type, by reference where it has a name."""
        (schema,), named = msgspec.json.schema_components([type], ref_template="#/components/schemas/{name}")
        for name, component in named.items():
            if self._schemas.setdefault(name, component) != component:
                raise ValueError(f"two types are named {name}")
        return schema

    def content(self, types: Mapping[str, Any]) -> Json:
        """Schemas by media type."""
        return {media_type: {"schema": self.schema(type)} for media_type, type in types.items()}


def _paths(endpoints: Iterable[Endpoint], components: _Components) -> dict[str, Json]:
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        _, path, placeholders = compile_path(endpoint.path)
        for method, handler in endpoint.methods.items():
            if isinstance(handler, Operation):
                paths.setdefault(path, {})[method.lower()] = _operation(handler, list(placeholders), components)
    return paths


def _failures(operation: Operation) -> set[int]:
    return {*ALWAYS, *(WITH_BODY if operation.body else ()), *operation.errors} - set(operation.answers)


def _operation(operation: Operation, placeholders: Iterable[str], components: _Components) -> Json:
    summary, _, description = operation.description.partition("\n\n")
    described: Json = {"operationId": operation.operation_id, "tags": [operation.tag], "summary": summary}
    if description:
        described["description"] = description
    parameters = [_parameter(parameter, components) for parameter in _parameters(operation, placeholders)]
    if parameters:
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = _body(operation.body, components)
    answers = {status: _answer(status, answer, components) for status, answer in operation.answers.items()}
    answers |= {status: components.failure(status) for status in _failures(operation)}
    described["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return described


def _parameters(operation: Operation, placeholders: Iterable[str]) -> Iterator[Parameter]:
    """What the operation declares, and what its path has beside that."""
    declared = {parameter.name for parameter in operation.parameters}
    for name in placeholders:
        if name not in declared:
            yield Parameter(name, "", place="path", required=True)
    yield from operation.parameters


def _parameter(parameter: Parameter, components: _Components) -> Json:
    described: Json = {"name": parameter.name, "in": parameter.place}
    if parameter.description:
        described["description"] = parameter.description
    if parameter.required or parameter.place == "path":
        described["required"] = True
    return described | {"schema": components.schema(parameter.type)} | _example(parameter)


def _body(body: Body, components: _Components) -> Json:
    content = {media_type: it | _example(body) for media_type, it in components.content(body.content).items()}
    return {"required": body.required, "content": content}


def _example(described: Parameter | Body) -> Json:
    return {} if described.example is None else {"example": described.example}


def _answer(status: int, answer: Answer, components: _Components) -> Json:
    described: Json = {"description": answer.description or HTTPStatus(status).phrase}
    if answer.content:
        # A file has no schema: it may say of itself that it is JSON, and be none.
        files: Json = {media_type: {} for media_type, type in answer.content.items() if type is File}
        described["content"] = components.content(answer.content) | files
    return described


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")
