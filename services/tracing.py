"""Traces by OpenTelemetry, where the environment says who takes them: OTEL_EXPORTER_OTLP_ENDPOINT and its like.

What is traced tells where it belongs by a `traceparent` (W3C Trace Context), which travels with a prompt from its
client to its executor. Without an endpoint nothing is imported, and there are no `Traces` to ask.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OpenSpan
    from opentelemetry.trace import Tracer

log = logging.getLogger(__name__)

#: Any of these says where spans go; their specification is OpenTelemetry's, "OTLP Exporter Configuration".
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

#: The header, and the key of the carrier.
TRACEPARENT = "traceparent"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[0-9a-z-]{1,128})?")

_NANOSECONDS = 1_000_000_000


def is_traceparent(text: str) -> bool:
    """Whether it names a trace."""
    return _TRACEPARENT.fullmatch(text) is not None


class Span:
    """Something that takes a while, and may be part of something else."""

    def __init__(self, tracer: Tracer, span: OpenSpan) -> None:
        self._tracer = tracer
        self._span = span

    @classmethod
    def begun(cls, tracer: Tracer, name: str, context: Context, at: float | None, attributes: dict[str, Any]) -> Span:
        """A span within another one; attributes that are empty are left out."""
        named = {f"silverprint.{key}": value for key, value in attributes.items() if value not in ("", None)}
        return cls(tracer, tracer.start_span(name, context, attributes=named, start_time=_ns(at)))

    @property
    def traceparent(self) -> str:
        """What names it as the whole that others are parts of."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def part(self, name: str, at: float | None = None, **attributes: Any) -> Span:
        """A part of it begins; see `Traces.begin`."""
        from opentelemetry.trace import set_span_in_context

        return Span.begun(self._tracer, name, set_span_in_context(self._span), at, attributes)

    def end(self, at: float | None = None, *, error: str | None = None) -> None:
        """It is over, at a time in seconds since the epoch or now; `error` says why it failed."""
        from opentelemetry.trace import Status, StatusCode

        if error is not None:
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(_ns(at))


class Traces:
    """What a process tells of what it does."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("silverprint", __version__)

    def begin(self, name: str, parent: str = "", at: float | None = None, **attributes: Any) -> Span:
        """Something begins, at a time in seconds since the epoch or now.

        Args:
            parent: the `traceparent` of what it is part of; of nothing when it names no trace.
            attributes: what is known of it; "prompt_id" becomes `silverprint.prompt_id`.
        """
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent})
        return Span.begun(self._tracer, name, context, at, attributes)

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


@contextmanager
def tracing(service: str) -> Iterator[Traces | None]:
    """The traces of a service while the block lasts; None where nobody takes them."""
    traces = _traces(service) if any(os.environ.get(name) for name in ENDPOINTS) else None
    try:
        yield traces
    finally:
        if traces is not None:
            traces.close()


def _traces(service: str) -> Traces | None:
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("there are no traces: %s is set, and not installed is silverprint[tracing]", ENDPOINTS[0])
        return None
    resource = Resource.create({"service.name": f"silverprint-{service}", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    log.info("tracing to %s", next(os.environ[name] for name in reversed(ENDPOINTS) if os.environ.get(name)))
    return Traces(provider)


def _ns(at: float | None) -> int | None:
    return None if at is None else round(at * _NANOSECONDS)
