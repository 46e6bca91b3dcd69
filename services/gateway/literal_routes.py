"""Routes without parameters, found at once however many there are."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send


class LiteralRoutes(BaseRoute):
    """Applications by the path that they answer."""

    def __init__(self, by_path: Mapping[str, ASGIApp]) -> None:
        self._by_path = by_path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of them has the path of a request."""
        if scope["type"] != "http" or (found := self._by_path.get(scope["path"])) is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": found}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have it answered."""
        endpoint: ASGIApp = scope["endpoint"]
        await endpoint(scope, receive, send)
