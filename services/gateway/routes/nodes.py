"""`/object_info`: the node classes that can be used."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.conditional import accepts_gzip, matches_etag
from services.gateway.responses import JSON, json_response


async def show_all(backends: Backends, request: Request) -> Response:
    """Every class; unchanged catalogues cost a 304, others a copy of bytes made once."""
    catalogue = await backends.catalogue.get()
    zipped = accepts_gzip(request)
    headers = {"ETag": f'"{catalogue.digest}{"-gzip" if zipped else ""}"', "Vary": "Accept-Encoding"}
    headers["Cache-Control"] = "no-cache"
    if matches_etag(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(catalogue.gzipped if zipped else catalogue.body, headers=headers, media_type=JSON)


async def show_one(backends: Backends, request: Request) -> Response:
    """One class; an empty object when there is none of that name."""
    name = request.path_params["node_class"]
    classes = (await backends.catalogue.get()).classes
    return json_response({name: classes[name]} if name in classes else {})
