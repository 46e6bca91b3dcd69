"""What a stored file may be shown as.

One place decides: pictures, video and sound that no browser runs scripts in are shown inline, everything else is
handed over as a download that cannot be taken for a page.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote

from starlette.requests import Request

_INLINE = {
    ".apng": "image/apng",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".wav": "audio/x-wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}

_DOWNLOAD = "application/octet-stream"

#: What the web UI and node packs bring beside pictures, sound and video; operators chose them, so they may run.
_TEXTS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_BINARIES = {
    ".eot": "application/vnd.ms-fontobject",
    ".ico": "image/x-icon",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_SCRIPTS = _TEXTS | _BINARIES

#: What browsers may know that a text is, without reading it as a page.
_PLAIN = {".json": "application/json", ".txt": "text/plain"}

#: Seconds that a browser may keep a picture without asking again.
_PICTURE_AGE = 86400

#: How the web UI's build names a file after its content: another content would have another name.
_NAMED_AFTER_CONTENT = re.compile(r"/assets/[^/]+-[A-Za-z0-9_-]{8}\.[a-z0-9]+")


def content_headers(request: Request, filename: str) -> dict[str, str]:
    """Content type, disposition and what keeps a browser from guessing otherwise."""
    suffix = PurePosixPath(filename).suffix.lower()
    if suffix == ".svg" and request.headers.get("sec-fetch-dest") == "image":
        return _as_image(filename)
    shown = _INLINE.get(suffix)
    headers = {
        "Content-Type": shown or _DOWNLOAD,
        "Content-Disposition": disposition(filename, "inline" if shown else "attachment"),
        "X-Content-Type-Options": "nosniff",
    }
    if shown is None:
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    if suffix == ".svg":
        headers["Vary"] = "Sec-Fetch-Dest"
    return headers


def download_headers(filename: str) -> dict[str, str]:
    """Of a file that is never to be shown by itself: for scripts that ask for it, and to be saved."""
    suffix = PurePosixPath(filename).suffix.lower()
    return {
        "Content-Type": _PLAIN.get(suffix) or _INLINE.get(suffix, _DOWNLOAD),
        "Content-Disposition": disposition(filename, "attachment"),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }


def script_headers(filename: str) -> dict[str, str]:
    """Content type and caching of a file that is brought for browsers: scripts are asked for anew each time."""
    suffix = PurePosixPath(filename).suffix.lower()
    is_picture = _INLINE.get(suffix, "").startswith("image/")
    return {
        "Content-Type": _SCRIPTS.get(suffix) or _INLINE.get(suffix, _DOWNLOAD),
        "Cache-Control": f"public, max-age={_PICTURE_AGE}" if is_picture else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def web_headers(path: str, filename: str) -> dict[str, str]:
    """Content type and caching of a file of the web UI at a URL path: what is named after its content is for good."""
    headers = script_headers(filename)
    if _NAMED_AFTER_CONTENT.fullmatch(path):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return headers


def is_text(filename: str) -> bool:
    """Whether a file that is brought for browsers becomes much shorter when it is compressed."""
    return PurePosixPath(filename).suffix.lower() in _TEXTS


def disposition(filename: str, kind: str) -> str:
    """Content-Disposition (RFC 6266): the name in ASCII for everybody, and as it is for those who read UTF-8."""
    plain = "".join(character if " " <= character <= "~" else "_" for character in filename)
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    header = f'{kind}; filename="{quoted}"'
    if plain != filename:
        header += f"; filename*=UTF-8''{quote(filename, safe='')}"
    return header


def _as_image(filename: str) -> dict[str, str]:
    """An SVG inside an `<img>` runs no scripts; it must not be kept for a visit to its address."""
    return {
        "Content-Type": "image/svg+xml",
        "Content-Disposition": disposition(filename, "inline"),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "Vary": "Sec-Fetch-Dest",
        "Cache-Control": "no-store",
    }
