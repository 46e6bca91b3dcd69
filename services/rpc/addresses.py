"""Where a service is: one address or several, each the one of a replica."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

from services.errors import InvalidArgument


def addresses(targets: str) -> tuple[str, ...]:
    """The addresses in a list with commas between them, each `host:port` or `unix:path`.

    Raises:
        InvalidArgument: there is none.
    """
    found = tuple(dict.fromkeys(part.strip() for part in targets.split(",") if part.strip()))
    if not found:
        raise InvalidArgument(
            f"{targets!r} names no address: host:port is expected, or several with commas between them"
        )
    return found


def may_change(address: str) -> bool:
    """Whether it has a name that may come to mean other hosts, or several."""
    host, port = _parts(address)
    if not host or not port:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def resolved(targets: Sequence[str]) -> tuple[str, ...]:
    """The addresses, with those of all hosts in place of a name that several hosts have.

    One that cannot be looked up, or has one host, stays as it is: whoever connects looks again. So does a name of
    this machine. Of hosts with addresses of both kinds, those of IPv4 are taken: they would count twice.
    """
    found = await asyncio.gather(*(_hosts(target) if may_change(target) else _itself(target) for target in targets))
    return tuple(dict.fromkeys(address for group in found for address in group))


async def _itself(address: str) -> Sequence[str]:
    return (address,)


async def _hosts(address: str) -> Sequence[str]:
    host, port = _parts(address)
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (address,)
    hosts = sorted({ipaddress.ip_address(answer[4][0]) for answer in answers}, key=lambda host: (host.version, host))
    chosen = [host for host in hosts if host.version == hosts[0].version]
    if len(chosen) < 2 or any(host.is_loopback for host in chosen):
        return (address,)
    return [f"{host}:{port}" if host.version == 4 else f"[{host}]:{port}" for host in chosen]


def _parts(address: str) -> tuple[str, str]:
    """Host and port; both empty for what has none."""
    if address.startswith("unix:") or "://" in address:
        return "", ""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
