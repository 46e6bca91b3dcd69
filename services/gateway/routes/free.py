"""`/free`: have executors give memory back."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.operations import NOTHING, json_body, operation
from services.gateway.raw_json import field
from services.gateway.responses import done

MAX_BYTES = 64 << 10


class FreeResourcesRequest(TypedDict, total=False):
    """What is to be given back; results of nodes only together with models."""

    unload_models: bool
    free_memory: bool


@operation("freeResources", "system", body=json_body(FreeResourcesRequest), answers={200: NOTHING}, admin=True)
async def free(backends: Backends, request: Request) -> Response:
    """Unload models (`unload_models`), and forget the results of nodes too (`free_memory`)."""
    asked = await json_object(request, MAX_BYTES)
    results = field(asked, "free_memory", bool, False)
    if results or field(asked, "unload_models", bool, False):
        await backends.queue.release_memory(results=results)
    return done()
