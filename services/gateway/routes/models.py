"""`/models` and `/embeddings`: which model files there are."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

from services.errors import NotFound
from services.files.records import FileKind
from services.gateway.backends import Backends
from services.gateway.operations import json, operation
from services.gateway.responses import json_response
from services.gateway.translate.model_folders import FOLDERS, is_model


@operation("getModelTypes", "model", answers={200: json(list[str])})
async def list_folders(backends: Backends, request: Request) -> Response:
    """The kinds of model."""
    return json_response(FOLDERS)


@operation("getModels", "model", answers={200: json(list[str])}, errors=[404])
async def list_models(backends: Backends, request: Request) -> Response:
    """The files of one kind, those in subfolders too.

    Raises:
        NotFound: there is no such kind.
    """
    folder = request.path_params["folder"]
    if folder not in FOLDERS:
        raise NotFound(f"there is no kind of model named {folder!r}")
    return json_response(await _names(backends, folder))


@operation("getEmbeddings", "model", answers={200: json(list[str])})
async def list_embeddings(backends: Backends, request: Request) -> Response:
    """The embeddings, without their extensions, as prompts name them."""
    names = await _names(backends, "embeddings")
    return json_response([str(PurePosixPath(name).with_suffix("")) for name in names])


async def _names(backends: Backends, folder: str) -> list[str]:
    try:
        names = [info.name async for info in backends.files.walk(FileKind.MODELS, folder, recursive=True)]
    except NotFound:
        return []
    return sorted(name.path.removeprefix(f"{folder}/") for name in names if is_model(folder, name.filename))
