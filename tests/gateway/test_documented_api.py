"""Our document beside the one that is published for ComfyUI: everything in it, but where a running ComfyUI differs too.

`tests/recorded/documented_api.json` holds its paths and schemas without their sentences.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.gateway.conformance import DOCUMENT
from tests.gateway.stack import RECORDED

Json = Mapping[str, Any]

PUBLISHED = json.loads((RECORDED / "documented_api.json").read_bytes())

_RUNNING = "a running ComfyUI answers so, and clients depend on it"

#: Where we say other than what is published, and why.
DEVIATIONS = {
    "getHistory 200: array": f"an object of entries by prompt id: {_RUNNING}",
    "getHistoryItem 200.prompt_id": f"an object with the one entry, by its id: {_RUNNING}",
    "getHistoryItem 200.prompt": f"an object with the one entry, by its id: {_RUNNING}",
    "getHistoryItem 200.extra_data": f"an object with the one entry, by its id: {_RUNNING}",
    "getHistoryItem 200.outputs": f"an object with the one entry, by its id: {_RUNNING}",
    "getNodeInfo 200{}.display_name: string": f"null where a class has none: {_RUNNING}",
    "getNodeInfo 200{}.output_tooltips[]: string": f"null where an output has none: {_RUNNING}",
    "getNodeClassInfo 200{}.display_name: string": f"null where a class has none: {_RUNNING}",
    "getNodeClassInfo 200{}.output_tooltips[]: string": f"null where an output has none: {_RUNNING}",
    "getRawLogs 200.size: object": "null: nothing of ours runs in a terminal, as ComfyUI may not",
    "getFolderPaths 200{}: string": f"lists of folders: {_RUNNING}",
    "getSystemStats 200.devices[].index: number": f"null for a CPU: {_RUNNING}",
}

PLACES = [f"{method} {path}" for path, methods in PUBLISHED["paths"].items() for method in methods]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_published_is_documented(place: str) -> None:
    method, path = place.split()
    published, ours = PUBLISHED["paths"][path][method], operation(method, path)
    assert ours is not None, f"{place} is missing"
    found = set(deviations(published, ours))
    assert found == {known for known in DEVIATIONS if known.split()[0] == published["operationId"]}


def operation(method: str, path: str) -> Json | None:
    found: Json | None = DOCUMENT["paths"].get(path.removeprefix("/api"), {}).get(method)
    return found


def deviations(published: Json, ours: Json) -> Iterator[str]:
    """What of an operation is not as published: names, parameters, body and answers."""
    name = published["operationId"]
    yield from (f"{name} {key}" for key in ("operationId", "tags") if published[key] != ours[key])
    parameters = {(parameter["in"], parameter["name"]): parameter for parameter in ours.get("parameters", ())}
    for parameter in published.get("parameters", ()):
        if (mine := parameters.get((parameter["in"], parameter["name"]))) is None:
            yield f"{name} {parameter['name']}"
        else:
            yield from differing(parameter["schema"], mine["schema"], f"{name} {parameter['name']}", wider=True)
    yield from contents(published.get("requestBody", {}), ours.get("requestBody", {}), f"{name} body", wider=True)
    for status, answer in published["responses"].items():
        if status == "500":  # an error of ours, never an answer to a request
            continue
        if status not in ours["responses"]:
            yield f"{name} {status}"
        elif status < "400":
            yield from contents(answer, ours["responses"][status], f"{name} {status}", wider=False)


def contents(published: Json, ours: Json, place: str, *, wider: bool) -> Iterator[str]:
    for media_type, content in published.get("content", {}).items():
        mine = ours.get("content", {})
        found = mine.get(media_type) or mine.get("*/*")
        if found is None:
            yield f"{place}: {media_type}"
        else:
            yield from differing(content["schema"], found.get("schema", {}), place, wider=wider)


def differing(published: Json, ours: Json, place: str, *, wider: bool) -> Iterator[str]:
    """Places where our schema lacks a property, or has another type; what is sent to us may be of more types."""
    published, ours = resolved(published, PUBLISHED), resolved(ours, DOCUMENT)
    theirs, mine = types(published), types(ours)
    if mine and theirs and not (theirs <= mine if wider else mine <= theirs):
        yield f"{place}: {' or '.join(sorted(theirs))}"
    for key, brackets in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(published.get(key), dict) and isinstance(ours.get(key), dict):
            yield from differing(published[key], ours[key], f"{place}{brackets}", wider=wider)
    for name, property in published.get("properties", {}).items():
        if name in (known := properties(ours)):
            yield from differing(property, known[name], f"{place}.{name}", wider=wider)
        else:
            yield f"{place}.{name}"


def resolved(schema: Json, document: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def alternatives(schema: Json) -> list[Json]:
    return [resolved(it, DOCUMENT) for it in schema.get("anyOf", [schema])]


def properties(schema: Json) -> Json:
    return {name: it for alternative in alternatives(schema) for name, it in alternative.get("properties", {}).items()}


def types(schema: Json) -> set[str]:
    """The types that a schema allows, a whole number being a number too; none when it does not say."""
    said = {type for it in alternatives(schema) for type in ([it["type"]] if "type" in it else [])}
    said |= {"string" for it in alternatives(schema) if any(isinstance(value, str) for value in it.get("enum", ()))}
    return {"number" if type == "integer" else type for type in said}


def test_only_what_is_published_is_said_to_deviate() -> None:
    published = {it["operationId"] for methods in PUBLISHED["paths"].values() for it in methods.values()}
    assert {known.split()[0] for known in DEVIATIONS} <= published
