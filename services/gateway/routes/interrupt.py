"""`/interrupt`: stop what runs."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import PermissionDenied
from services.gateway.backends import Backends
from services.gateway.bodies import whole
from services.gateway.errors import BadRequest
from services.gateway.operations import JSON, NOTHING, Body, Parameter, operation
from services.gateway.raw_json import field, members
from services.gateway.responses import done

MAX_BYTES = 64 << 10

#: Where a browser says that a request comes from when the user or our own pages made it.
_OWN_SITES = ("none", "same-origin")


class InterruptRequest(TypedDict, total=False):
    """Which prompt to stop; all that run when it names none."""

    prompt_id: str | None


@operation(
    "interruptExecution", "workflow", body=Body({JSON: InterruptRequest}, required=False), answers={200: NOTHING}
)
async def interrupt(backends: Backends, request: Request) -> Response:
    """Interrupt the prompt that the body names, or all that run when it names none."""
    prompt_id = _prompt_id(await whole(request, MAX_BYTES))
    await backends.queue_of(request).interrupt([prompt_id] if prompt_id else None)
    return done()


@operation(
    "interruptExecutionByGet",
    "workflow",
    parameters=[Parameter("prompt_id", "the prompt to stop; all that run when there is none")],
    answers={200: NOTHING},
)
async def interrupt_by_get(backends: Backends, request: Request) -> Response:
    """Interrupt by GET, as documents name it; a foreign page that embeds the address is refused.

    Raises:
        PermissionDenied: another site made the browser ask.
    """
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise PermissionDenied("another site may not interrupt")
    prompt_id = request.query_params.get("prompt_id")
    await backends.queue_of(request).interrupt([prompt_id] if prompt_id else None)
    return done()


def _prompt_id(body: bytes) -> str | None:
    """The id in the body. No body and, as in ComfyUI, one that is not JSON mean all."""
    try:
        found = members(body)
    except BadRequest as error:
        if error.type == "invalid_json":
            return None
        raise
    return field(found, "prompt_id", str | None, None)
