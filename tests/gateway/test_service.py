"""The gateway as a process."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import httpx
import pytest

from services.errors import InvalidArgument, Unavailable
from services.gateway.service import Settings, run, serving

NOBODY = "127.0.0.1:1"


async def test_it_says_once_where_it_listens_and_stops_when_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stop = asyncio.Event()
    running = asyncio.create_task(run(Settings(port=0, queue=NOBODY, files=NOBODY), stop))
    async with asyncio.timeout(10):
        while not (  # noqa: ASYNC110 (a log record sets no event)
            said := [line for line in caplog.messages if line.startswith("listening on ")]
        ):
            await asyncio.sleep(0)
    address = said[0].removeprefix("listening on ")
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://{address}/health/live")).status_code == 200
    stop.set()
    async with asyncio.timeout(2):
        await running
    assert [line for line in caplog.messages if line.startswith("listening on ")] == said


async def test_a_taken_port_is_told_in_one_line() -> None:
    async with serving(Settings(port=0, queue=NOBODY, files=NOBODY)) as port:
        with pytest.raises(Unavailable, match=f"^cannot listen on 127.0.0.1:{port}: the address is taken or not ours$"):
            await run(Settings(port=port, queue=NOBODY, files=NOBODY), asyncio.Event())


@pytest.mark.parametrize(
    ("host", "port", "error"),
    [
        ("no.such.host.invalid", 0, InvalidArgument),
        ("127.0.0.1", 70_000, InvalidArgument),
        ("127.0.0.1", -1, InvalidArgument),
        ("203.0.113.1", 0, Unavailable),
    ],
)
async def test_an_address_that_cannot_be_listened_on_is_refused(host: str, port: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"cannot listen on {host}:{port}"):
        await run(Settings(host=host, port=port, queue=NOBODY, files=NOBODY, insecure=True), asyncio.Event())


async def test_an_upload_limit_of_nothing_makes_no_sense() -> None:
    with pytest.raises(InvalidArgument, match="max-upload-mb"):
        await run(Settings(port=0, max_upload_mb=0), asyncio.Event())


def test_it_weighs_little_and_loads_no_torch() -> None:
    program = (
        "import sys, psutil, services.gateway.service\n"
        "assert not {'torch', 'numpy', 'transformers', 'PIL'} & set(sys.modules)\n"
        "print(psutil.Process().memory_info().rss)"
    )
    weighed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(weighed.stdout) < 110 << 20
