"""How the files of the web UI are answered."""

from __future__ import annotations

from typing import Any

from tests.differences.difference import Change, Difference
from tests.recordings import Outcome


def _set(**values: Any) -> Change:
    def change(outcome: Outcome) -> None:
        outcome |= {name.replace("_", " "): value for name, value in values.items()}

    return change


def _script_type(outcome: Outcome) -> None:
    if outcome.get("content type") == "application/javascript":
        outcome["content type"] = "text/javascript"


def _files(*paths: str) -> tuple[str, ...]:
    """The recorded requests for files, with and without conditions."""
    return tuple(
        f"static: GET {condition}{path}" for path in paths for condition in ("", "If-None-Match ", "If-Modified-Since ")
    )


IN_STATIC_FILES = (
    Difference(
        "scripts have the type that RFC 9239 gives them", "ComfyUI's type is obsolete", _script_type, where=None
    ),
    Difference(
        "what is named after its content is kept for good",
        "a visit costs some requests in place of hundreds; another content has another name",
        _set(caching="public, max-age=31536000, immutable"),
        _files("/assets/index-BKeTeXLp.js", "/assets/index-BUKnlt6s.css"),
    ),
    Difference(
        "what nothing is said about is asked for anew",
        "browsers guess how long to keep what ComfyUI says nothing about, and show old templates after an update",
        _set(caching="no-cache"),
        _files(
            "/templates/default.json",
            "/templates/image2image.json",
            "/docs/KSampler/en.md",
            "/index.html",
            "/assets/../index.html",
        ),
    ),
    Difference(
        "pictures and documents have their type",
        "ComfyUI's table does not know them",
        _set(content_type="image/webp"),
        ("static: GET /templates/default-1.webp",),
    ),
    Difference(
        "pictures and documents have their type",
        "ComfyUI's table does not know them",
        _set(content_type="text/markdown; charset=utf-8"),
        ("static: GET /docs/KSampler/en.md",),
    ),
    Difference(
        "that there is no such file is not kept",
        "it may be there after an update",
        _set(caching=None),
        ("static: GET /assets/images/missing.png", "static: GET /user.css"),
    ),
    Difference(
        "folders, and what is outside, are not told from what does not exist",
        "nobody needs to know",
        _set(status=404, content_type="application/octet-stream"),
        ("static: GET /docs/", "static: GET /%2e%2e/%2e%2e/etc/passwd"),
    ),
)
