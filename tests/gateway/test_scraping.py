"""Metrics of several services on one page."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

from services.errors import InvalidArgument
from services.gateway.scraping import Scraper, merged
from services.monitoring.exposing import exposed
from services.monitoring.registry import new_registry
from services.rpc.metrics import CallMetrics


def text(service: str) -> str:
    registry = new_registry(service)
    CallMetrics(registry)
    return generate_latest(registry).decode()


def test_every_family_is_there_once_and_what_all_have_is_told_apart() -> None:
    page = merged({"gateway": text("gateway"), "queue": text("queue")})
    assert page.count("# TYPE process_cpu_seconds_total ") == 1
    assert 'process_cpu_seconds_total{service="gateway"}' in page
    assert 'process_cpu_seconds_total{service="queue"}' in page
    assert 'python_info{service="queue",implementation="CPython"' in page
    assert page.count("silverprint_build_info{") == 2


def test_a_sample_that_two_tell_of_is_there_once() -> None:
    one = '# HELP silverprint_x Help.\n# TYPE silverprint_x gauge\nsilverprint_x{a="b c"} 1.0\nsilverprint_x 2.0\n'
    assert merged({"queue": one, "executor": one}) == one


def test_the_page_is_clean() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("Prometheus's promtool is not installed")
    page = merged({"gateway": text("gateway"), "queue": text("queue"), "files": text("files")})
    checked = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_who_does_not_answer_is_missing() -> None:
    registry = CollectorRegistry()
    Counter("silverprint_files_things", "Things.", registry=registry)
    with exposed(CollectorRegistry(), "127.0.0.1:0") as gone:
        pass
    with exposed(registry, "127.0.0.1:0") as address:
        scraper = Scraper([f"files={address}", f"queue={gone}"])
        page = await scraper.page(b"# HELP own Own.\n# TYPE own gauge\nown 1.0\n")
        await scraper.aclose()
    assert page.startswith(b"# HELP own Own.\n")
    assert b"silverprint_files_things_total 0.0" in page


@pytest.mark.parametrize("target", ["127.0.0.1:9190", "queue=9190", "queue=:9190", "queue=a:b", "a b=c:1"])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(InvalidArgument, match="scrape is SERVICE=host:port"):
        Scraper([target])
