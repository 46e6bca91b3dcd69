"""Where webhooks may go."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from services.errors import InvalidArgument
from services.queue.webhooks.targets import Targets, is_public

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fd00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1"),
    *("64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://example.com/", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("example.com/hook", "must begin with http"),
        ("http://", "names no host"),
        ("http:///path", "names no host"),
        ("https://user:word@example.com/", "must not hold a user or a password"),
        ("https://example.com:99999999/", "the port 99999999"),
        ("https://exa mple.com/", "a blank"),
        ("https://example.com/\n", "a blank"),
        ("https://example.com/" + "a" * 2048, "2068 characters"),
        ("https://" + "a" * 64 + ".com/", "is not a URL"),
        ("http://127.0.0.1/", "points to 127.0.0.1, which is not"),
        ("http://127.1/", "points to 127.0.0.1"),
        ("http://2130706433/", "points to 127.0.0.1"),
        ("http://0x7f.0.0.1:8188/", "points to 127.0.0.1"),
        ("http://0177.0.0.1/", "is not a URL"),
        ("http://[::1]/", "points to ::1"),
        ("http://[::ffff:169.254.169.254]/latest", "is not an address of the internet"),
        ("http://169.254.169.254/latest/meta-data", "is not an address of the internet"),
        ("http://localhost:8188/", "points to localhost"),
        ("http://LOCALHOST./", "is not a name of the internet"),
        ("http://metadata.google.internal/", "is not a name of the internet"),
        ("http://printer.local/", "is not a name of the internet"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        Targets().check(url)


@pytest.mark.parametrize("url", ["https://example.com/hook?a=b", "http://example.com:8080", "https://bücher.example/"])
def test_urls_of_the_internet_are_fine(url: str) -> None:
    Targets().check(url)


def test_urls_inside_are_fine_where_they_are_allowed() -> None:
    for url in ("http://localhost:1/", "http://10.0.0.1/", "http://[::1]/"):
        Targets(allow_private=True).check(url)


async def test_a_name_with_an_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, *arguments: Any, **more: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (address, 0)) for address in ("93.184.215.14", "10.0.0.7")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(InvalidArgument, match=r"rebound.example has the address 10\.0\.0\.7"):
        await Targets().addresses("https://rebound.example/")
    assert await Targets(allow_private=True).addresses("https://rebound.example/") == ["93.184.215.14", "10.0.0.7"]
