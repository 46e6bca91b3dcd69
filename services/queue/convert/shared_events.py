"""Messages of events that many are told at once, made once for all of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from services.queue.convert.prompts import event_to_proto
from services.queue.records import Event
from silverprint.queue.v1 import queue_pb2 as pb

#: Events whose messages are kept: those of this moment. A preview may have a mebibyte.
KEPT = 64


class SharedEvents:
    """Turns events into messages; watchers of the same prompt are given the same events."""

    def __init__(self) -> None:
        #: by the identity of the event, which is kept so that nothing else can have it
        self._made: OrderedDict[int, tuple[Event, pb.Event]] = OrderedDict()

    def response(self, batch: Iterable[Event]) -> pb.WatchResponse:
        """The message of a batch."""
        return pb.WatchResponse(events=map(self._message, batch))

    def _message(self, event: Event) -> pb.Event:
        known = self._made.get(id(event))
        if known is not None:
            return known[1]
        message = event_to_proto(event)
        self._made[id(event)] = event, message
        if len(self._made) > KEPT:
            self._made.popitem(last=False)
        return message
