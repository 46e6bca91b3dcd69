"""Writes the dashboards and their page."""

from __future__ import annotations

import json
from pathlib import Path

from tools.dashboards.executors import EXECUTORS
from tools.dashboards.gateway import GATEWAY
from tools.dashboards.grafana import as_json
from tools.dashboards.life import LIFE
from tools.dashboards.overview import OVERVIEW
from tools.dashboards.page import page
from tools.dashboards.queue import QUEUE

ROOT = Path(__file__).resolve().parents[2]

DASHBOARDS = (OVERVIEW, QUEUE, EXECUTORS, GATEWAY, LIFE)


def files() -> dict[Path, str]:
    """What is to be written, by path from the project's root."""
    folder = Path("deploy/grafana/dashboards")
    texts = {
        folder / f"{dashboard.uid}.json": json.dumps(as_json(dashboard), indent=2) + "\n" for dashboard in DASHBOARDS
    }
    return texts | {Path("docs/dashboards.md"): page(DASHBOARDS)}


def main() -> None:
    """Write them."""
    for path, text in files().items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
