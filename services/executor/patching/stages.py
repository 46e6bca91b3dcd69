"""Functions around the stages of a MODEL's runs, calls at events of its life, and changes for the time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from services.executor.patching import wrappers
from services.executor.patching.wrappers import Nested


class PatcherInjection(NamedTuple):
    """A change of a model in place, and how it is undone; both are called with the MODEL."""

    inject: Callable[[Any], Any]
    eject: Callable[[Any], Any]


class ModelStages:
    """Keeps them.

    Attributes:
        wrappers, callbacks: by stage or event, then by key.
        injections: by key.
    """

    wrappers: Nested
    callbacks: Nested
    injections: dict[str, list[PatcherInjection]]

    def add_wrapper(self, wrapper_type: str, wrapper: Callable[..., Any]) -> None:
        """Put a function around a stage of sampling."""
        wrappers.add(self.wrappers, wrapper_type, None, wrapper)

    def add_wrapper_with_key(self, wrapper_type: str, key: str | None, wrapper: Callable[..., Any]) -> None:
        """Put a function around a stage, under a key by which it can be found and removed."""
        wrappers.add(self.wrappers, wrapper_type, key, wrapper)

    def remove_wrappers_with_key(self, wrapper_type: str, key: str | None) -> None:
        """Take away what is around a stage under a key."""
        self.wrappers.get(wrapper_type, {}).pop(key, None)

    def get_wrappers(self, wrapper_type: str, key: str | None) -> list[Any]:
        """What is around a stage under a key."""
        return wrappers.of_key(self.wrappers, wrapper_type, key)

    def get_all_wrappers(self, wrapper_type: str) -> list[Any]:
        """What is around a stage."""
        return wrappers.of_kind(self.wrappers, wrapper_type)

    def add_callback(self, call_type: str, callback: Callable[..., Any]) -> None:
        """Hear an event."""
        wrappers.add(self.callbacks, call_type, None, callback)

    def add_callback_with_key(self, call_type: str, key: str | None, callback: Callable[..., Any]) -> None:
        """Hear an event, under a key by which it can be found and removed."""
        wrappers.add(self.callbacks, call_type, key, callback)

    def remove_callbacks_with_key(self, call_type: str, key: str | None) -> None:
        """Take away what hears an event under a key."""
        self.callbacks.get(call_type, {}).pop(key, None)

    def get_callbacks(self, call_type: str, key: str | None) -> list[Any]:
        """What hears an event under a key."""
        return wrappers.of_key(self.callbacks, call_type, key)

    def get_all_callbacks(self, call_type: str) -> list[Any]:
        """What hears an event."""
        return wrappers.of_kind(self.callbacks, call_type)

    def set_injections(self, key: str, injections: list[PatcherInjection]) -> None:
        """Change the model in place while it runs."""
        self.injections[key] = injections

    def remove_injections(self, key: str) -> None:
        """Change the model in place no longer."""
        self.injections.pop(key, None)

    def get_injections(self, key: str) -> list[PatcherInjection] | None:
        """The changes under a key."""
        return self.injections.get(key)

    @contextmanager
    def injected(self) -> Iterator[None]:
        """Change the model in place, and undo that in the end, the latest first."""
        with ExitStack() as undo:
            for injections in self.injections.values():
                for injection in injections:
                    injection.inject(self)
                    undo.callback(injection.eject, self)
            yield
