"""The port on which a service has its metrics."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry

from services import __version__
from services.errors import InvalidArgument, Unavailable
from services.monitoring.exposing import exposed
from services.monitoring.registry import new_registry


def get(address: str) -> str:
    return httpx.get(f"http://{address}/metrics", trust_env=False).raise_for_status().text


def test_a_service_tells_its_version_and_what_its_process_uses() -> None:
    with exposed(new_registry("queue"), "127.0.0.1:0") as address:
        text = get(address)
    assert f'silverprint_build_info{{service="queue",version="{__version__}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_the_port_is_free_again_afterwards() -> None:
    with exposed(CollectorRegistry(), "127.0.0.1:0") as address:
        pass
    with exposed(CollectorRegistry(), address) as again:
        assert again == address


def test_nothing_is_served_without_an_address() -> None:
    with exposed(CollectorRegistry(), "") as address:
        assert address == ""


def test_a_taken_port_is_named() -> None:
    with exposed(CollectorRegistry(), "127.0.0.1:0") as address:
        refused = pytest.raises(Unavailable, match=f"cannot serve metrics on {address}: Address already in use")
        with refused, exposed(CollectorRegistry(), address):
            pass


@pytest.mark.parametrize("listen", ["9190", "localhost", "localhost:port", "localhost:70000", "a:-1"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    refused = pytest.raises(InvalidArgument, match="metrics-listen is host:port or empty")
    with refused, exposed(CollectorRegistry(), listen):
        pass
