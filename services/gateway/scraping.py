"""Metrics of several services on one page, for a machine on which all of them run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

import httpx

from services.errors import InvalidArgument

log = logging.getLogger(__name__)

#: Seconds in which a service must answer.
PATIENCE = 2.0

#: What every process has, and so would be there several times: these get a label with the service's name.
_OF_EVERY_SERVICE = ("process_", "python_", "silverprint_grpc_")


class Scraper:
    """Asks services for their metrics."""

    def __init__(self, targets: Iterable[str]) -> None:
        """Targets such as "queue=127.0.0.1:9190".

        Raises:
            InvalidArgument: one is none.
        """
        self._urls = dict(_target(target) for target in targets)
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)

    @property
    def is_in_use(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._urls)

    async def page(self, own: bytes) -> bytes:
        """The gateway's own metrics with those of all that answer; who does not is missing."""
        texts = await asyncio.gather(*(self._text(name, url) for name, url in self._urls.items()))
        known = {name: text for name, text in zip(self._urls, texts, strict=True) if text}
        return merged({"gateway": own.decode(), **known}).encode()

    async def aclose(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def _text(self, name: str, url: str) -> str:
        try:
            answer = await self._http.get(url)
            return answer.raise_for_status().text
        except httpx.HTTPError as error:
            log.warning("metrics of %s cannot be read: %s", name, error or type(error).__name__)
            return ""


def merged(texts: Mapping[str, str]) -> str:
    """Expositions of services in the text format as one, each family once."""
    families: dict[str, dict[str, str]] = {}
    for service, text in texts.items():
        name = ""
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
            is_sample = not line.startswith("#")
            said = _labelled(line, service) if is_sample and name.startswith(_OF_EVERY_SERVICE) else line
            # The queue tells of devices as well as their executors do: a sample is there once, as is a heading.
            key = said.rpartition(" ")[0] if is_sample else " ".join(line.split(" ", 3)[1:2])
            families.setdefault(name, {}).setdefault(key, said)
    return "".join(f"{line}\n" for lines in families.values() for line in lines.values())


def _labelled(line: str, service: str) -> str:
    label = f'service="{service}"'
    sample, space, value = line.rpartition(" ")
    name, brace, labels = sample.partition("{")
    return f"{name}{{{label},{labels}{space}{value}" if brace else f"{name}{{{label}}}{space}{value}"


def _target(target: str) -> tuple[str, str]:
    name, equals, address = target.partition("=")
    host, colon, port = address.rpartition(":")
    if not (equals and colon and host and port.isdigit() and name.isidentifier()):
        raise InvalidArgument(f"scrape is SERVICE=host:port, not {target!r}")
    return name, f"http://{address}/metrics"
