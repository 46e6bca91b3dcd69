"""Stores in a bucket of SeaweedFS with names in SQLite, and servers for others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.files.stores.names.sqlite import SqliteNames
from services.files.stores.s3 import bucket
from services.files.stores.s3.location import Location
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.object_servers import ObjectServer
from tests.object_servers import moto as moto
from tests.object_servers import seaweed as seaweed


@pytest.fixture(autouse=True)
def _no_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    # Interpreters that end are what the wait is for.
    monkeypatch.setattr(bucket, "DRAIN", 0.0)


@pytest.fixture
def location(seaweed: ObjectServer) -> Location:
    """A folder of a bucket that is empty."""
    return seaweed.location()


@pytest.fixture
async def proxy(seaweed: ObjectServer) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(seaweed.endpoint) as proxy:
        yield proxy


@pytest.fixture
def names(tmp_path: Path) -> SqliteNames:
    return SqliteNames(tmp_path / "names.sqlite3")
