"""How full the file system of a service's data is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class DiskCollector(Collector):
    """Looks at the file system of a folder when Prometheus asks."""

    def __init__(self, service: str, folder: Path) -> None:
        self._service = service
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Its size and what is free; nothing while the folder is not there."""
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return
        for name, help, value in (
            ("size", "Size of the file system of a service's data.", usage.total),
            ("free", "What is free of the file system of a service's data.", usage.free),
        ):
            family = GaugeMetricFamily(f"silverprint_data_{name}_bytes", help, labels=["service"])
            family.add_metric([self._service], value)
            yield family
