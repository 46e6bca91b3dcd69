"""How requests for users, settings, userdata and models are answered."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Change, Difference
from tests.recordings import Outcome

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

IN_DOCUMENTS = (*MALFORMED, *REASONS, *USERS, *CONTENT_TYPES)
