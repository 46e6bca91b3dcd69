"""What an operation of the API takes and answers, declared beside its handler.

Types are those that msgspec makes JSON Schemas of; what a client sends or gets as an object is a `TypedDict` beside the
code that reads or makes it, so that the types are checked there and the document that is made of them is true.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from services.errors import PermissionDenied
from services.gateway.access.principal import principal_of
from services.gateway.backends import Backends
from services.gateway.errors import ErrorResponse
from services.gateway.resource import Handler
from services.gateway.users import HEADER as USER_HEADER

Tag = Literal["workflow", "queue", "image", "node", "model", "asset", "user", "system", "internal"]

JSON = "application/json"
FORM = "multipart/form-data"
TEXT = "text/plain"
ANY = "*/*"

#: Bytes that are not text, as a form's file or an answer.
File = Annotated[str, Meta(extra_json_schema={"format": "binary"})]


@dataclass(frozen=True)
class Parameter:
    """One value in the query, the path or the headers."""

    name: str
    description: str
    type: Any = str
    place: Literal["query", "path", "header"] = "query"
    required: bool = False
    example: Any = None


#: Whose request it is.
USER = Parameter(USER_HEADER, "the id of the user, where there are several", place="header")

#: Which asset is meant.
ASSET_ID = Parameter("id", "", place="path", example="b96e471d-2a8f-4b4c-95af-e895878351ce")


@dataclass(frozen=True)
class Body:
    """What a request brings: its type by media type."""

    content: Mapping[str, Any]
    required: bool = True
    example: Any = None


@dataclass(frozen=True)
class Answer:
    """What a status means, and what comes with it: its type by media type, nothing when there is none.

    Without a description it is what HTTP calls the status.
    """

    content: Mapping[str, Any]
    description: str = ""


#: A status that says it all.
NOTHING = Answer({})


def json(type: Any, description: str = "") -> Answer:
    """An answer in JSON."""
    return Answer({JSON: type}, description)


def json_body(type: Any, example: Any = None) -> Body:
    """A body in JSON; whatever media type the request says it is, it is read as such."""
    return Body({JSON: type}, example=example)


#: A refusal in ComfyUI's words, or in its error shape.
REFUSAL = Answer({TEXT: str, JSON: ErrorResponse})

#: A file, and what conditions and ranges make of it.
FILE = {
    200: Answer({ANY: File}),
    206: Answer({ANY: File}, "the range of bytes that was asked for"),
    304: NOTHING,
    416: json(ErrorResponse),
}


@dataclass(frozen=True)
class Operation:
    """A handler and its description; it is called as the handler is."""

    handler: Handler
    operation_id: str
    tag: Tag
    parameters: Sequence[Parameter]
    body: Body | None
    answers: Mapping[int, Answer]
    #: statuses that come with ComfyUI's error shape
    errors: Sequence[int]
    #: whether it is for admins alone, where there are keys
    admin: bool

    async def __call__(self, backends: Backends, request: Request) -> Response:
        """Answer a request.

        Raises:
            PermissionDenied: it is for admins alone.
        """
        principal = principal_of(request)
        if self.admin and principal is not None and not principal.admin:
            raise PermissionDenied("this is for admins: silverprint keys create NAME --admin makes keys for them")
        return await self.handler(backends, request)

    @property
    def description(self) -> str:
        """What the handler's docstring says, less what it says to programmers; the first paragraph sums it up."""
        text = inspect.getdoc(self.handler) or ""
        text = text.partition("\n\nArgs:")[0].partition("\n\nRaises:")[0]
        return f"{text}\n\nWhere there are keys, it is for admins alone." if self.admin else text


def operation(
    operation_id: str,
    tag: Tag,
    *,
    answers: Mapping[int, Answer],
    parameters: Sequence[Parameter] = (),
    body: Body | None = None,
    errors: Sequence[int] = (),
    admin: bool = False,
) -> Callable[[Handler], Operation]:
    """Declare what a handler does.

    Args:
        operation_id: what generated clients name their function after; as in ComfyUI's own document where that has it.
        answers: what comes with each status that is no error.
        parameters: in the order of their importance; those of the path need no mention where a name says it all.
        errors: statuses that come with ComfyUI's error shape, beside those that any request can get.
        admin: whether it concerns everybody, and is for admins alone where there are keys.
    """
    return lambda handler: Operation(handler, operation_id, tag, parameters, body, answers, errors, admin)
