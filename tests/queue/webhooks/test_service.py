"""Webhooks of a queue that is a process of its own, and dies."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from services.queue.client import QueueClient
from services.queue.webhooks.records import DeliverySearch, DeliveryState
from services.queue.webhooks.signature import VARIABLE
from tests.queue.executor import FakeExecutor
from tests.queue.nodes import submission
from tests.queue.processes import service
from tests.queue.watching import eventually
from tests.queue.webhooks.receiver import SECRET_TEXT, receiver


async def test_what_is_to_be_told_survives_sigkill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, SECRET_TEXT)
    async with receiver(503) as there:
        flags = ("--webhook-url", there.url, "--webhook-allow-private")
        async with service(tmp_path, *flags) as queue, QueueClient(queue.address) as client:
            async with FakeExecutor(client, slots=0):
                accepted = await client.submit(submission())
                await client.cancel(None)
                await there.next()

                async def has_failed() -> bool:
                    (delivery,) = await client.webhook_deliveries(DeliverySearch())
                    return delivery.last_error == "the receiver answered 503"

                await eventually(has_failed)
            await queue.end(signal.SIGKILL)
        async with service(tmp_path, *flags) as queue, QueueClient(queue.address) as client:
            (waiting,) = await client.webhook_deliveries(DeliverySearch(prompt_id=accepted.prompt_id))
            assert (waiting.state, waiting.url) == (DeliveryState.PENDING, there.url)
            await client.redeliver_webhook(waiting.delivery_id)
            request = await there.next()
            assert request.is_signed()
            assert request.document["data"]["prompt_id"] == accepted.prompt_id
