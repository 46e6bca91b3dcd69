"""How requests for users, settings, userdata and models are answered."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Change, Difference
from tests.recordings import Outcome

_WORKFLOW: dict[str, Any] = {"nodes": [], "links": []}

_NO_SERVER_ERROR = "ComfyUI answers 500"
_REASON = "a refusal says why"
_BODY = "ComfyUI's has no body"


def _refused(status: int, type_: str) -> Change:
    """The change of an answer into one of the error shape."""

    def change(outcome: Outcome) -> None:
        outcome.clear()
        outcome |= {"status": status, "refused as": type_}

    return change


def _shown_as(content_type: str) -> Change:
    def change(outcome: Outcome) -> None:
        outcome["content type"] = content_type

    return change


def _answered(status: int, body: Any) -> Change:
    def change(outcome: Outcome) -> None:
        outcome |= {"status": status, "content type": "application/json; charset=utf-8", "body": body}

    return change


MALFORMED = (
    Difference(
        "a user without a name is refused as by later versions",
        _NO_SERVER_ERROR,
        _answered(400, {"error": "username not provided"}),
        ("post users missing", "post users blank"),
    ),
    Difference(
        "settings are a JSON object", _NO_SERVER_ERROR, _refused(400, "invalid_request"), ("settings post list",)
    ),
    Difference(
        "settings are JSON",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_json"),
        ("settings post non-json", "settings post id non-json"),
    ),
    Difference(
        "a file is not moved out of the user's folder",
        _NO_SERVER_ERROR,
        _refused(403, "forbidden"),
        ("move to traversal dest",),
    ),
    Difference(
        "a folder is no file to be deleted", _NO_SERVER_ERROR, _refused(404, "not_found"), ("delete directory",)
    ),
)

REASONS = (
    Difference(
        _REASON,
        _BODY,
        _refused(403, "forbidden"),
        (
            "put traversal",
            "put dotdot to sibling user",
            "get directory",
            "get traversal",
            "delete traversal",
            "userdata move traversal",
        ),
    ),
    Difference(
        _REASON, _BODY, _refused(404, "not_found"), ("get file missing", "move missing source", "delete missing")
    ),
    Difference(_REASON, _BODY, _refused(400, "invalid_request"), ("put to a directory path",)),
    Difference(
        "a body that is too long is refused in the error shape",
        "ComfyUI's answer is plain text",
        _refused(413, "too_large"),
        ("userdata > limit",),
    ),
)

USERS = (
    Difference(
        "a request without a known user is refused in the error shape",
        "ComfyUI answers plain text, or 500",
        _refused(401, "unauthenticated"),
        (
            "settings without comfy-user header",
            "settings unknown user",
            "userdata without user",
            "userdata unknown user",
            "userdata get as other",
        ),
    ),
)

CONTENT_TYPES = (
    Difference(
        "files of users are no pages",
        "a page would run its scripts with the rights of whoever opens it (S3)",
        _shown_as("application/octet-stream"),
        ("get html",),
    ),
)


def _without_packs(outcome: Outcome) -> None:
    outcome["body"].remove("custom_nodes")


def _without_paths(outcome: Outcome) -> None:
    for kind in outcome["body"]:
        kind["folders"] = [f"models/{it}" for it in _DIRECTORIES.get(kind["name"], (kind["name"],))]


#: Of kinds that had another name once; the present one comes first.
_DIRECTORIES = {
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("diffusion_models", "unet"),
    "controlnet": ("controlnet", "t2i_adapter"),
}

_NO_MODEL = (
    *(f"GET /models/{folder}" for folder in ("unet", "clip", "nope")),
    *(f"GET /experiment/models/{folder}" for folder in ("unet", "nope")),
    "GET /experiment/models/preview/loras/0/probe_nometa.safetensors",
    "GET /experiment/models/preview/nope/0/a.safetensors",
    *(
        f"GET /view_metadata/{query}"
        for query in (
            "loras",
            "loras?filename=probe_nometa.safetensors",
            "loras?filename=missing.safetensors",
            "loras?filename=readme.txt",
            "nope?filename=a.safetensors",
            "loras?filename=bad.safetensors",
            "loras?filename=../../../etc/x.safetensors",
        )
    ),
)

MODELS = (
    Difference(_REASON, _BODY, _refused(404, "not_found"), _NO_MODEL),
    Difference(
        "a picture is looked for in a directory that there is",
        _NO_SERVER_ERROR,
        _refused(404, "not_found"),
        ("GET /experiment/models/preview/loras/9/probe_meta.safetensors",),
    ),
    Difference(
        "the number of a directory is a number",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_request"),
        ("GET /experiment/models/preview/loras/x/probe_meta.safetensors",),
    ),
    Difference(
        "a path that no route has is answered as every other such",
        "ComfyUI tells two kinds of them apart by a content type without content",
        _shown_as("application/octet-stream"),
        ("GET /experiment/models/preview/loras/0/../../../../etc/passwd",),
    ),
    Difference("node packs are no models", "their files lie with executors", _without_packs, ("GET /models",)),
    Difference(
        "node packs are no models",
        "their files lie with executors",
        _refused(404, "not_found"),
        ("GET /models/custom_nodes", "GET /experiment/models/custom_nodes"),
    ),
    Difference(
        "descriptions of older checkpoints are not brought along",
        "no node here reads them",
        _answered(200, []),
        ("GET /models/configs",),
    ),
    Difference(
        "where models lie on the server is told to nobody",
        "paths are the operator's business",
        _without_paths,
        ("GET /experiment/models",),
    ),
)

PACKS = (
    Difference(
        "example workflows are served without the prefix as well",
        "every path of the API is",
        lambda outcome: outcome.update({"status": 200, "content type": "application/json", "body": _WORKFLOW}),
        ("GET /workflow_templates/probe_pack/hello.json",),
    ),
)

IN_DOCUMENTS = (*MALFORMED, *REASONS, *USERS, *CONTENT_TYPES, *MODELS, *PACKS)
