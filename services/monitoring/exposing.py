"""A port on which Prometheus finds the metrics of a service that has no other HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from services.errors import InvalidArgument, Unavailable

log = logging.getLogger(__name__)


@contextmanager
def exposed(registry: CollectorRegistry, listen: str) -> Iterator[str]:
    """Serve `/metrics` on `listen` ("host:port", port 0 for a free one) until the block ends; the address it got.

    An empty `listen` serves nothing. Scrapes are answered by threads of their own.

    Raises:
        InvalidArgument: this is no address.
        Unavailable: it cannot be listened on.
    """
    if not listen:
        yield ""
        return
    host, port = _address(listen)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise Unavailable(f"cannot serve metrics on {listen}: {error.strerror or error}") from error
    log.info("metrics on http://%s:%d/metrics", host, server.server_port)
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise InvalidArgument(f"metrics-listen is host:port or empty, not {listen!r}")
    return host.strip("[]"), int(port)
