"""Dashboards and rules, held against a real Prometheus that scrapes a real stack."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets.sync.client
import yaml

from tests.deploy.prometheus import Prometheus, scraping, tool
from tests.e2e.stack import Stack, running, wait_for
from tools.dashboards.__main__ import ROOT, files

pytestmark = pytest.mark.e2e

RULES = ROOT / "deploy" / "prometheus" / "rules"
NO_OUTPUT = {"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}}}
FAILING = {
    **NO_OUTPUT,
    "2": {"class_type": "TestError", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}


def expressions() -> dict[str, str]:
    """The queries of all panels, by panel, as Grafana would ask them."""
    found = {}
    for path in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                name = f"{path.stem} / {panel['title']} / {target['refId']}"
                found[name] = target["expr"].replace("$__rate_interval", "20s").replace("$executor", ".*")
    return found


def recorded() -> dict[str, str]:
    """The recording rules."""
    groups = yaml.safe_load((RULES / "silverprint.yml").read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"] if "record" in rule}


@dataclass
class Loaded:
    """A stack on which something of everything has happened, and who scrapes it."""

    stack: Stack
    prometheus: Prometheus


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    tool("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ExitStack() as context:
        stack = context.enter_context(running(tmp_path_factory.mktemp("stack")))
        target = stack.url.removeprefix("http://")
        prometheus = context.enter_context(scraping(target, RULES, folder, port))
        # What a panel shows as a rate needs two scrapes, with something between them.
        for _ in range(2):
            exercise(stack)
            scrapes = prometheus.query("count_over_time(up[1h])")[0]["value"][1]
            wait_for(lambda: prometheus.query(f"count_over_time(up[1h]) > {scrapes}"), "another scrape")  # noqa: B023
        wait_for(lambda: prometheus.query("silverprint:prompts_ended:rate5m > 0"), "the rules' series")
        yield Loaded(stack, prometheus)


def exercise(stack: Stack) -> None:
    """A little of everything that panels show."""
    example = json.loads((ROOT / "services/command/examples/red_circle.json").read_bytes())
    address = stack.url.replace("http", "ws", 1)
    with websockets.sync.client.connect(f"{address}/ws?clientId=me", proxy=None, max_size=None):
        for seed in (1, 2):
            example["3"]["inputs"]["seed"] = seed
            done = stack.finished(stack.submit(example, client_id="me"))
        stack.finished(stack.submit(FAILING))
        assert stack.post("/prompt", {"prompt": NO_OUTPUT}).status_code == 400
        image = done["outputs"]["9"]["images"][0] if "9" in done["outputs"] else next(iter(pictures(done)))
        assert stack.client.get("/view", params=image).status_code == 200
        assert stack.client.get("/view", params={"filename": "nothing.png"}).status_code == 404


def pictures(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for output in entry["outputs"].values():
        yield from output.get("images", ())


def test_the_dashboards_are_as_their_definitions_say() -> None:
    for path, text in files().items():
        assert (ROOT / path).read_text() == text, f"{path} is stale: python -m tools.dashboards"


def test_rules_and_configuration_are_sound_and_alerts_fire_when_they_should() -> None:
    promtool = tool("promtool")
    for arguments in (
        ("check", "config", "deploy/prometheus/prometheus.yml"),
        ("test", "rules", "deploy/prometheus/tests/silverprint_test.yml"),
    ):
        done = subprocess.run([promtool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test() -> None:
    groups = yaml.safe_load((RULES / "silverprint.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load((RULES.parent / "tests" / "silverprint_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == alerts


def test_the_page_of_all_services_is_clean(loaded: Loaded) -> None:
    text = loaded.stack.client.get("/metrics").text
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_panel_shows_something(loaded: Loaded) -> None:
    """A misspelt metric, a label that is not there, a bracket too few: all would be empty or an error."""
    asked = expressions()
    assert len(asked) > 60
    empty = [name for name, expr in asked.items() if not loaded.prometheus.query(expr)]
    assert empty == []


def test_every_recorded_rule_has_a_series(loaded: Loaded) -> None:
    empty = [name for name in recorded() if not loaded.prometheus.query(name)]
    assert empty == []


def test_every_metric_that_panels_and_rules_name_exists(loaded: Loaded) -> None:
    known = set(loaded.prometheus.ask("/label/__name__/values"))
    texts = [*expressions().values(), (RULES / "silverprint.yml").read_text()]
    named = {name for text in texts for name in re.findall(r"\b(?:silverprint|process)_[a-z0-9_]+\b", text)}
    assert named - known == set()


def test_no_rule_fails(loaded: Loaded) -> None:
    groups = loaded.prometheus.ask("/rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
    assert Path(groups[0]["file"]).name == "silverprint.yml"
