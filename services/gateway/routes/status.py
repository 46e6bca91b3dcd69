"""`/status`: a page that shows how things are."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.backends import Backends
from services.gateway.operations import Answer, operation

_PAGE = Path(__file__).parent.parent / "static" / "status.html"


@operation("getStatusPage", "system", answers={200: Answer({"text/html": str})})
async def show(backends: Backends, request: Request) -> Response:
    """The status page; it may run its own script and talk to this gateway, nothing else."""
    page, policy = _page()
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(page, headers=headers, media_type="text/html")


@cache
def _page() -> tuple[bytes, str]:
    page = _PAGE.read_bytes()
    scripts = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy
