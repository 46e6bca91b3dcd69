"""`/i18n`, `/workflow_templates`, `/global_subgraphs`, `/node_replacements`: what node packs have for front ends."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.errors import InvalidArgument, NotFound
from services.files.names import parse_path
from services.files.records import FileInfo, FileKind
from services.gateway.backends import Backends
from services.gateway.content_types import script_headers
from services.gateway.operations import FILE, NOTHING, json, operation
from services.gateway.pack_documents import pack_of, path_in
from services.gateway.resource import not_found
from services.gateway.responses import json_response
from services.gateway.stored_files import stored_file
from services.gateway.translate.subgraphs import Subgraph, subgraph, subgraph_id


@operation("getTranslations", "system", answers={200: json(dict[str, dict[str, Any]])})
async def show_translations(backends: Backends, request: Request) -> Response:
    """What node packs say in which language."""
    return json_response(await backends.pack_documents.translations())


@operation("getWorkflowTemplates", "workflow", answers={200: json(dict[str, list[str]])})
async def list_workflows(backends: Backends, request: Request) -> Response:
    """The names of the example workflows of each node pack."""
    found: dict[str, list[str]] = {}
    for info in await backends.pack_documents.find("workflows"):
        path = path_in(info.name)
        if "/" not in path:
            found.setdefault(pack_of(info.name), []).append(PurePosixPath(path).stem)
    return json_response(found)


@operation("getWorkflowTemplateFile", "workflow", answers=FILE | {404: NOTHING})
async def show_workflow(backends: Backends, request: Request) -> Response:
    """An example workflow of a node pack, or a picture of one."""
    pack, path = request.path_params["pack"], request.path_params["path"]
    try:
        name = parse_path(FileKind.PACKS, f"{pack}/workflows/{path}")
        if not name.path.startswith(f"{pack}/workflows/"):
            return await not_found(backends, request)
        return await stored_file(backends.files, request, name, script_headers(name.filename))
    except (InvalidArgument, NotFound):
        return await not_found(backends, request)


@operation("getGlobalSubgraphs", "workflow", answers={200: json(dict[str, Subgraph])})
async def list_subgraphs(backends: Backends, request: Request) -> Response:
    """The subgraphs of all node packs by their ids."""
    found = await backends.pack_documents.find("subgraphs")
    return json_response({subgraph_id(*_subgraph(info)): subgraph(*_subgraph(info)) for info in found})


@operation("getGlobalSubgraph", "workflow", answers={200: json(Subgraph | None)}, errors=[404, 409])
async def show_subgraph(backends: Backends, request: Request) -> Response:
    """One subgraph with its JSON; null when there is none of that id."""
    for info in await backends.pack_documents.find("subgraphs"):
        if subgraph_id(*_subgraph(info)) == request.path_params["id"]:
            content = await backends.pack_documents.read(info.name)
            return json_response(subgraph(*_subgraph(info)) | {"data": content.decode(errors="replace")})
    return json_response(None)


@operation("getNodeReplacements", "node", answers={200: json(dict[str, Any])})
async def list_replacements(backends: Backends, request: Request) -> Response:
    """The classes to use in the place of older ones; none of ours was renamed."""
    return json_response({})


def _subgraph(info: FileInfo) -> tuple[str, str]:
    """The pack and the name of a subgraph, without its suffix."""
    return pack_of(info.name), path_in(info.name).removesuffix(".json")
