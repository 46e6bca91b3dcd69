"""`/internal`: what the web UI asks for beside the API."""

from __future__ import annotations

from typing import Literal, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from services.errors import NotFound
from services.files.models.kinds import FOLDERS
from services.files.records import FileKind
from services.gateway.backends import Backends
from services.gateway.bodies import json_object
from services.gateway.errors import BadRequest
from services.gateway.operations import NOTHING, Parameter, json, json_body, operation
from services.gateway.raw_json import field
from services.gateway.responses import done, json_response
from services.gateway.translate.logs import RawLogsResponse, log_text, logs

MAX_BYTES = 64 << 10

#: The folders that may be listed.
_KINDS = {kind.value: kind for kind in (FileKind.OUTPUT, FileKind.INPUT, FileKind.TEMP)}


_PROMPT = Parameter("prompt_id", "only what was printed while this prompt ran")


class LogsSubscribeRequest(TypedDict):
    """Whose sockets are to be told of new lines, or no longer."""

    clientId: str | int
    enabled: bool


class DirectoryError(TypedDict):
    """Why there is no list."""

    error: str


@operation("getLogs", "internal", parameters=[_PROMPT], answers={200: json(str)}, admin=True)
async def show_logs(backends: Backends, request: Request) -> Response:
    """The latest lines of the log as one text; those of one prompt with `prompt_id`."""
    return json_response(log_text(await backends.queue.logs(request.query_params.get("prompt_id", ""))))


@operation("getRawLogs", "internal", parameters=[_PROMPT], answers={200: json(RawLogsResponse)}, admin=True)
async def show_raw_logs(backends: Backends, request: Request) -> Response:
    """The latest lines of the log, one by one; those of one prompt with `prompt_id`."""
    return json_response(logs(await backends.queue.logs(request.query_params.get("prompt_id", ""))))


@operation("subscribeToLogs", "internal", body=json_body(LogsSubscribeRequest), answers={200: NOTHING}, admin=True)
async def subscribe(backends: Backends, request: Request) -> Response:
    """Have lines told to the sockets of `clientId`, or no longer, as `enabled` says."""
    asked = await json_object(request, MAX_BYTES)
    for name in ("clientId", "enabled"):
        if name not in asked:
            raise BadRequest(f"{name} is missing", field=name)
    client_id = str(field(asked, "clientId", str | int, ""))
    if client_id:  # an empty one is the queue's to refuse
        client_id = backends.users.address_of_prompt(await backends.users.named_by(request), client_id)
    await backends.queue.follow_logs(client_id, enabled=field(asked, "enabled", bool, False))
    return done()


@operation("getFolderPaths", "internal", answers={200: json(dict[str, list[str]])}, admin=True)
async def show_folder_paths(backends: Backends, request: Request) -> Response:
    """Where models of each kind go, from the folder in which everything is; hosts keep the rest to themselves."""
    return json_response({folder: [f"models/{folder}"] for folder in FOLDERS})


@operation(
    "getFiles",
    "internal",
    parameters=[Parameter("directory_type", "", Literal["output", "input", "temp"], place="path")],
    answers={200: json(list[str]), 400: json(DirectoryError)},
)
async def list_files(backends: Backends, request: Request) -> Response:
    """The names of the files in a folder, the newest first; neither subfolders nor hidden files."""
    kind = _KINDS.get(request.path_params["directory_type"])
    if kind is None:
        return json_response(DirectoryError(error="Invalid directory type"), status=400)
    try:
        files = [info async for info in backends.files_of(request).walk(kind)]
    except NotFound:
        files = []
    files.sort(key=lambda info: (-info.modified_at, info.name.filename))
    return json_response([info.name.filename for info in files if not info.name.filename.startswith(".")])
