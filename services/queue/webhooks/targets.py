"""Where webhooks may go: to services on the internet, and nowhere inside unless that is allowed.

Whoever may submit prompts may name a URL, so without these rules the queue could be made to call what only it can reach
(S25). A name is resolved once for every attempt, every address that it has must be allowed, and the connection is made
to exactly these addresses.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx

from services.errors import InvalidArgument

#: Names that are looked up at once.
RESOLVERS = 8

#: Characters of a URL.
LONGEST_URL = 2048

#: Networks of IPv6 in whose addresses one of IPv4 hides, and the bit at which it begins, from the end.
_EMBEDDING = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)

#: Not of the internet, although the standard library (in some versions) says so.
_REFUSED = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "::/96", "64:ff9b:1::/48", "fec0::/10")))

_INSIDE = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Targets:
    """Says what a webhook may be sent to."""

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        # Not the loop's own threads, which others need: a look-up may take as long as it likes.
        self._resolvers = ThreadPoolExecutor(max_workers=RESOLVERS, thread_name_prefix="webhook-names")

    def check(self, url: str) -> None:
        """See to it that a URL makes sense, as far as that can be told without asking anybody.

        Raises:
            InvalidArgument: it does not; says what is wrong with it.
        """
        host = host_of(_parsed(url))
        if self._allow_private:
            return
        address = _literal(host)
        if address is not None and not is_public(address):
            raise InvalidArgument(f"webhook_url points to {address}, which is not an address of the internet")
        name = host.rstrip(".").lower()
        if any(name == inside or name.endswith(inside) for inside in _INSIDE):
            raise InvalidArgument(f"webhook_url points to {host}, which is not a name of the internet")

    async def addresses(self, url: str) -> list[str]:
        """The addresses of a URL's host, all of which are allowed; the order is the system's.

        Raises:
            InvalidArgument: one of them is not allowed.
            OSError: the host has none, or they cannot be found out now.
        """
        host = host_of(_parsed(url))
        resolve = functools.partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._resolvers, resolve)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not self._allow_private and not is_public(ipaddress.ip_address(address)):
                raise InvalidArgument(f"{host} has the address {address}, which is not one of the internet")
        return addresses


def is_public(address: Address) -> bool:
    """Whether an address is one of a single host on the internet, also when it is wrapped in one of IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                return is_public(ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF))
    if any(address in network for network in _REFUSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def host_of(url: httpx.URL) -> str:
    """The host as the resolver and TLS want it: a name in ASCII, or an address without brackets."""
    return url.raw_host.decode()


def _parsed(url: str) -> httpx.URL:
    if len(url) > LONGEST_URL:
        raise InvalidArgument(f"webhook_url has {len(url)} characters, more than {LONGEST_URL}")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidArgument("webhook_url has a blank or an unprintable character in it")
    try:
        parsed = httpx.URL(url)
        host_of(parsed).encode("idna")  # as the system's resolver will have it
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidArgument(f"webhook_url is not a URL: {error}") from error
    if parsed.scheme not in ("http", "https"):
        raise InvalidArgument(f"webhook_url must begin with http:// or https://, it is {url!r}")
    if not parsed.host:
        raise InvalidArgument(f"webhook_url names no host, it is {url!r}")
    if parsed.port is not None and not 0 < parsed.port < 1 << 16:
        raise InvalidArgument(f"webhook_url names the port {parsed.port}, which there is not")
    if parsed.userinfo:
        raise InvalidArgument("webhook_url must not hold a user or a password; messages are signed instead")
    return parsed


def _literal(host: str) -> Address | None:
    """The address that a host is, in any of the notations that systems know (127.1, 0x7f000001, 2130706433)."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
