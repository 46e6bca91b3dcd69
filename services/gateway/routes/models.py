"""`/models`, `/embeddings`, `/experiment/models`, `/view_metadata`: which models there are, and what they say."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

from services.errors import NotFound
from services.files.models.kinds import FOLDERS, is_hidden
from services.gateway.backends import Backends
from services.gateway.converted_files import converted_file
from services.gateway.errors import BadRequest
from services.gateway.models import metadata_of, models_of, picture_of
from services.gateway.operations import Answer, File, Parameter, json, operation
from services.gateway.pictures.orders import Conversion
from services.gateway.responses import json_response
from services.gateway.translate.model_folders import (
    ModelFile,
    ModelFolder,
    ModelMetadata,
    described_folders,
    described_model,
)


@operation("getModelTypes", "model", answers={200: json(list[str])})
async def list_folders(backends: Backends, request: Request) -> Response:
    """The kinds of model."""
    return json_response(FOLDERS)


@operation(
    "getModels",
    "model",
    parameters=[Parameter("folder", "the kind of model", place="path", example="checkpoints")],
    answers={200: json(list[str])},
    errors=[404],
)
async def list_models(backends: Backends, request: Request) -> Response:
    """The files of one kind, those in subfolders too."""
    return json_response([model.name for model in await models_of(backends.files, request.path_params["folder"])])


@operation("getEmbeddings", "model", answers={200: json(list[str])})
async def list_embeddings(backends: Backends, request: Request) -> Response:
    """The embeddings, without their extensions, as prompts name them."""
    found = await models_of(backends.files, "embeddings")
    return json_response([str(PurePosixPath(model.name).with_suffix("")) for model in found])


@operation("getModelFolders", "model", answers={200: json(list[ModelFolder])})
async def describe_folders(backends: Backends, request: Request) -> Response:
    """The kinds of model that people choose from, and the directories that hold them."""
    return json_response(described_folders())


@operation("getModelsInFolder", "model", answers={200: json(list[ModelFile])}, errors=[404])
async def describe_models(backends: Backends, request: Request) -> Response:
    """The files of one kind with their sizes and times."""
    found = await models_of(backends.files, request.path_params["folder"])
    return json_response([described_model(model) for model in found if not is_hidden(model.name)])


@operation(
    "getModelPreview",
    "model",
    parameters=[Parameter("path_index", "which of the directories of its kind the model is in", int, "path")],
    answers={200: Answer({"image/webp": File})},
    errors=[400, 404, 409],
)
async def show_picture(backends: Backends, request: Request) -> Response:
    """The picture that lies beside a model, as WebP.

    Raises:
        NotFound: there is none.
    """
    folder, index = request.path_params["folder"], request.path_params["path_index"]
    if not (index.isascii() and index.isdigit()):
        raise BadRequest(f"path_index: {index[:32]!r} is not a number", field="path_index")
    picture = await picture_of(backends.files, folder, request.path_params["filename"], int(index[:9]))
    return await converted_file(backends.files, backends.pictures, picture, Conversion(format="webp"))


_SUFFIX = ".safetensors"

_METADATA = (Parameter("filename", "a file of safetensors, with its subfolder", required=True),)


@operation(
    "viewModelMetadata",
    "model",
    parameters=_METADATA,
    answers={200: json(ModelMetadata)},
    errors=[404, 409],
)
async def show_metadata(backends: Backends, request: Request) -> Response:
    """What a model says about itself.

    Raises:
        NotFound: there is no such file, or it says nothing.
    """
    filename = request.query_params.get("filename", "")
    if not filename.endswith(_SUFFIX):
        raise NotFound(f"filename: {filename[:200]!r} is not a file of safetensors")
    return json_response(await metadata_of(backends.files, request.path_params["folder_name"], filename))


@operation(
    "postModelMetadata",
    "model",
    parameters=_METADATA,
    answers={200: json(ModelMetadata)},
    errors=[404, 409],
)
async def show_metadata_by_post(backends: Backends, request: Request) -> Response:
    """As by GET, which is how documents name it."""
    return await show_metadata(backends, request)
