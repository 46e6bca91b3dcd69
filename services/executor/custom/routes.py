"""Notes the HTTP handlers that packs ask for; they are not served yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class PackRoute:
    """One handler."""

    #: "*" for any
    method: str
    path: str
    handler: Any


class PackRoutes:
    """Decorators by the names of aiohttp's route table."""

    def __init__(self) -> None:
        self.recorded: list[PackRoute] = []

    def route(self, method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler for a method."""

        def note(handler: Handler) -> Handler:
            self.recorded.append(PackRoute(method, path, handler))
            return handler

        return note

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of GET."""
        return self.route("GET", path)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of POST."""
        return self.route("POST", path)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of PUT."""
        return self.route("PUT", path)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of DELETE."""
        return self.route("DELETE", path)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of PATCH."""
        return self.route("PATCH", path)

    def head(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of HEAD."""
        return self.route("HEAD", path)

    def options(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a handler of OPTIONS."""
        return self.route("OPTIONS", path)

    def view(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Note a class of handlers."""
        return self.route("*", path)

    def static(self, prefix: str, path: Any, **options: Any) -> None:
        """Note a folder to be served."""
        self.recorded.append(PackRoute("GET", prefix, path))
