"""Who is told what: watchers, the latest of what is not kept, and whether anybody wants previews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from services.errors import ServiceError, Unavailable
from services.graph.events import NodeFinished, NodePreview, NodeProgress, NodeRef, NodeStarted, NodeText
from services.queue.records import Event, LifecycleEvent, Notice
from services.queue.watcher import Watcher

#: Told when the wish for previews of a prompt, or of all prompts (None), may have changed.
DemandListener = Callable[[str | None], None]


class EventHub:
    """Hands events to watchers, each at its own pace, and remembers the latest of the fleeting ones.

    Durable events are the store's to keep. Everything happens on the event loop.
    """

    def __init__(self, demand_changed: DemandListener) -> None:
        self._demand_changed = demand_changed
        self._of_all: set[Watcher] = set()
        self._of_one: dict[str, set[Watcher]] = {}
        self._latest: dict[str, _Latest] = {}
        self._closed = False

    def publish(self, events: Iterable[Event]) -> None:
        """Tell everybody whom it concerns, in this order."""
        for event in events:
            if not isinstance(event.body, Notice):
                self._remember(event)
            for watcher in self._of_all:
                watcher.push(event)
            for watcher in self._of_one.get(event.prompt_id, ()):
                watcher.push(event)

    def watched(self) -> dict[str, int]:
        """The prompts that somebody watches by themselves, with the sequence number that all of them have seen."""
        return {id_: min(watcher.sequence for watcher in group) for id_, group in self._of_one.items()}

    def catch_up(self, prompt_id: str, events: Iterable[Event]) -> None:
        """Tell those who watch a prompt by itself what was read of it; they pass over what they know."""
        for event in events:
            for watcher in self._of_one.get(prompt_id, ()):
                if event.sequence > watcher.sequence:
                    watcher.push(event)

    def end(self, prompt_id: str, error: ServiceError) -> None:
        """End the watches of a prompt by itself."""
        for watcher in self._of_one.get(prompt_id, ()):
            watcher.end(error)

    def forget(self, prompt_id: str) -> None:
        """Tell newcomers no more of what was told of a prompt: it has been overtaken."""
        self._latest.pop(prompt_id, None)

    def running(self) -> list[str]:
        """The prompts of which there is something to tell beside what the store has."""
        return list(self._latest)

    def latest(self, prompt_id: str, *, previews: bool) -> list[Event]:
        """Of a running prompt: which nodes began and ended silently, their latest progress, the latest preview."""
        latest = self._latest.get(prompt_id)
        events = latest.events() if latest else []
        return [event for event in events if previews or not isinstance(event.body, NodePreview)]

    def running_node(self, prompt_id: str) -> NodeRef | None:
        """The node that a running prompt is at, None between two of them."""
        bodies = [event.body for event in self.latest(prompt_id, previews=False)]
        return next((body.node for body in reversed(bodies) if isinstance(body, NodeStarted)), None)

    @contextmanager
    def watch(self, prompt_id: str | None, *, previews: bool) -> Iterator[Watcher]:
        """A watcher of one prompt, or of all (None), that takes events until the block ends."""
        if self._closed:
            raise _shutting_down()
        watcher = Watcher(prompt_id, previews=previews)
        group = self._of_all if prompt_id is None else self._of_one.setdefault(prompt_id, set())
        group.add(watcher)
        self._tell_demand(watcher)
        try:
            yield watcher
        finally:
            group.discard(watcher)
            if prompt_id is not None and not group:
                self._of_one.pop(prompt_id, None)
            self._tell_demand(watcher)

    def wants_previews(self, prompt_id: str) -> bool:
        """Whether anybody would be shown a preview of this prompt."""
        watchers = (*self._of_all, *self._of_one.get(prompt_id, ()))
        return any(watcher.previews for watcher in watchers)

    def close(self) -> None:
        """End every watch; there are no new ones."""
        self._closed = True
        for watcher in (*self._of_all, *(one for group in self._of_one.values() for one in group)):
            watcher.end(_shutting_down())

    def _tell_demand(self, watcher: Watcher) -> None:
        if watcher.previews:
            self._demand_changed(watcher.prompt_id)

    def _remember(self, event: Event) -> None:
        if event.is_terminal or isinstance(event.body, LifecycleEvent):
            self._latest.pop(event.prompt_id, None)
        else:
            self._latest.setdefault(event.prompt_id, _Latest()).remember(event)


class _Latest:
    """What a newcomer is told about a running prompt beside its durable events; ordered by when it was said."""

    def __init__(self) -> None:
        self._by_node: dict[tuple[str, type], Event] = {}

    def remember(self, event: Event) -> None:
        body = event.body
        match body:
            case NodeFinished():
                for kind in (NodeStarted, NodeProgress, NodeText, NodePreview):
                    self._by_node.pop((body.node.node_id, kind), None)
                if not event.is_durable:
                    self._say(body.node.node_id, event)
            case NodePreview():
                self._by_node = {key: kept for key, kept in self._by_node.items() if key[1] is not NodePreview}
                self._say(body.node.node_id, event)
            case NodeStarted() | NodeProgress() | NodeText():
                self._say(body.node.node_id, event)

    def events(self) -> list[Event]:
        return list(self._by_node.values())

    def _say(self, node_id: str, event: Event) -> None:
        key = (node_id, type(event.body))
        self._by_node.pop(key, None)
        self._by_node[key] = event


def _shutting_down() -> ServiceError:
    return Unavailable("the queue is shutting down")
