"""JSON that is asked for again and again: made and compressed once, and sent only to those who do not have it."""

from __future__ import annotations

import gzip

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.conditional import accepts_gzip, matches_etag
from services.gateway.responses import JSON

GZIP_LEVEL = 6


class Prepared:
    """A JSON document, ready to be sent.

    Args:
        digest: what tells this version from others; must be fit for an ETag.
    """

    def __init__(self, digest: str, body: bytes) -> None:
        self.digest = digest
        self.body = body
        self.gzipped = gzip.compress(body, GZIP_LEVEL, mtime=0)

    def answer(self, request: Request) -> Response:
        """The document; 304 for a client that has it."""
        zipped = accepts_gzip(request)
        headers = {"ETag": f'"{self.digest}{"-gzip" if zipped else ""}"', "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = "no-cache"
        if matches_etag(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return Response(self.gzipped if zipped else self.body, headers=headers, media_type=JSON)
