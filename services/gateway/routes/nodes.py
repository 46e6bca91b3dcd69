"""`/object_info`: the node classes that can be used."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.operations import NOTHING, Parameter, json, operation
from services.gateway.responses import json_response
from services.gateway.translate.object_info import NodeInfo


@operation("getNodeInfo", "node", answers={200: json(dict[str, NodeInfo]), 304: NOTHING})
async def show_all(backends: Backends, request: Request) -> Response:
    """Every node class; unchanged catalogues cost a 304, others a copy of bytes made once."""
    return (await backends.catalogue_of(request)).served.answer(request)


@operation(
    "getNodeClassInfo",
    "node",
    parameters=[Parameter("node_class", "", place="path", example="KSampler")],
    answers={200: json(dict[str, NodeInfo])},
)
async def show_one(backends: Backends, request: Request) -> Response:
    """One node class; an empty object when there is none of that name."""
    name = request.path_params["node_class"]
    classes = (await backends.catalogue_of(request)).classes
    return json_response({name: classes[name]} if name in classes else {})
