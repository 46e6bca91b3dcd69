"""A real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stack import wait_for

#: Seconds between scrapes, so that a test need not last.
INTERVAL = 1


def tool(name: str) -> str:
    """Where a program of Prometheus's is."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian's package is called prometheus)")
    return path


class Prometheus:
    """One that scrapes."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"http://{address}/api/v1", trust_env=False, timeout=30)

    def ask(self, path: str, **params: Any) -> Any:
        """What its API answers."""
        answer = self._http.get(path, params=params)
        found = answer.json()
        assert found["status"] == "success", (params, found.get("error"))
        return found["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        found: list[dict[str, Any]] = self.ask("/query", query=expr)["result"]
        return found

    def scrapes(self) -> bool:
        """Whether all targets answer."""
        targets = self.ask("/targets")["activeTargets"]
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def close(self) -> None:
        self._http.close()


@contextmanager
def scraping(target: str, rules: Path, folder: Path, port: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `target` as often as it may, with rules."""
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}\n"
        f"rule_files: ['{rules}/*.yml']\n"
        f"scrape_configs: [{{job_name: silverprint, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    address = f"127.0.0.1:{port}"
    command = [tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=log, stdout=log)
        prometheus = Prometheus(address)
        try:
            wait_for(lambda: _answers(prometheus), "Prometheus's first scrape")
            yield prometheus
        finally:
            prometheus.close()
            process.terminate()
            process.wait(20)


def _answers(prometheus: Prometheus) -> bool:
    try:
        return prometheus.scrapes()
    except (httpx.HTTPError, ValueError):  # it is starting
        return False
