"""What is read when Prometheus asks: depths out of the store, executors out of the fleet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.queue.metrics.depth import depth_families
from services.queue.metrics.executors import executor_families
from services.queue.records import Depth, Executor

log = logging.getLogger(__name__)

#: Seconds in which the store must answer a scrape.
PATIENCE = 5.0

Reading = tuple[Sequence[Depth], Sequence[Executor]]


class QueueCollector(Collector):
    """Asks on the event loop, for the thread that answers a scrape."""

    def __init__(self, read: Callable[[], Awaitable[Reading]]) -> None:
        self._read = read
        self._loop = asyncio.get_running_loop()

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering does not ask."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families; without depths and executors when the store does not answer."""
        up = GaugeMetricFamily("silverprint_queue_store_up", "1 if the store answered this scrape.")
        asked = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
        try:
            depths, executors = asked.result(PATIENCE)
        except Exception as error:  # whatever it is, the other metrics are worth having
            asked.cancel()
            log.warning("metrics of the queue cannot be read: %r", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from depth_families(depths, time.time())
        yield GaugeMetricFamily("silverprint_queue_executors", "Executors that are connected.", len(executors))
        yield from executor_families(executors)

    async def _ask(self) -> Reading:
        return await self._read()
