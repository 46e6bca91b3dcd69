"""Routes whose parameters may hold a slash, as `%2F`."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope


class EncodedRoute(Route):
    """Takes a path apart as it was sent, and decodes its parameters afterwards: `/userdata/a%2Fb` has one."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path of a request is this one, and its parameters."""
        sent = scope.get("raw_path") or scope["path"].encode()
        match, found = super().matches({**scope, "path": sent.decode("latin-1")})
        if match is not Match.NONE:
            found["path_params"] = {name: _decoded(value) for name, value in found["path_params"].items()}
        return match, found


def _decoded(value: Any) -> Any:
    return unquote(value) if isinstance(value, str) else value
