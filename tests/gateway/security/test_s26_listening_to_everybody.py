"""A gateway that strangers reach asks for keys, unless its operator says that they may do without (S26)."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from services.errors import InvalidArgument
from services.gateway.service import Settings, run, serving
from services.rpc.addresses import is_loopback

NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "gpu.internal"])
async def test_s26_others_are_let_in_with_keys_alone(host: str) -> None:
    with pytest.raises(InvalidArgument, match="have them show keys with --keys, or say --insecure"):
        await run(Settings(host=host, port=0, queue=NOBODY, files=NOBODY), asyncio.Event())


@pytest.mark.parametrize(("keys", "insecure"), [(True, False), (False, True)])
async def test_s26_both_are_ways_to_be_reached(keys: bool, insecure: bool) -> None:
    settings = Settings(host="0.0.0.0", port=0, queue=NOBODY, files=NOBODY, keys=keys, insecure=insecure)
    async with serving(settings) as port:
        assert port


def test_s26_the_process_says_what_to_do() -> None:
    command = [sys.executable, "-m", "services", "gateway", "--host", "0.0.0.0", "--port", "0"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "--keys" in refused.stderr


def test_addresses_of_this_machine_alone() -> None:
    assert [host for host in ("127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost") if not is_loopback(host)] == []
    assert [host for host in ("0.0.0.0", "::", "", "10.0.0.1", "localhost.example", "a") if is_loopback(host)] == []
