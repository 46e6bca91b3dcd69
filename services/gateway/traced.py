"""Requests as spans of the trace that a client says they are part of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from services.tracing import TRACEPARENT, Traces, is_traceparent


@contextmanager
def traced(traces: Traces | None, request: Request, name: str) -> Iterator[str]:
    """Trace what a request is answered with; answers with the `traceparent` of what follows from it, "" for none."""
    parent = request.headers.get(TRACEPARENT, "")
    parent = parent if is_traceparent(parent) else ""
    if traces is None:
        yield parent
        return
    span = traces.begin(name, parent)
    try:
        yield span.traceparent
    except Exception as error:
        span.end(error=f"{type(error).__name__}: {error}")
        raise
    span.end()
