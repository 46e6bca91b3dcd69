"""A gateway that the tests of one module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gateway.stack import Gateway, gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Gateway]:
    """For tests that do not mind what others did to it; they run in the module's loop."""
    async with gateway() as running:
        yield running
