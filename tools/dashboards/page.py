"""The page that explains the dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.dashboards.model import Dashboard

_HEAD = """# What the dashboards show, and what to do

Made from the definitions in `tools/dashboards/` by `python -m tools.dashboards`. The same words are behind the (i) of
each panel. How to get them running is in [operating.md](operating.md).
"""


def page(dashboards: Sequence[Dashboard]) -> str:
    """The page in Markdown."""
    return "\n".join([_HEAD, *(line for dashboard in dashboards for line in _dashboard(dashboard))]).rstrip() + "\n"


def _dashboard(dashboard: Dashboard) -> Iterator[str]:
    yield f"## {dashboard.title.removeprefix('Silverprint / ')}"
    yield ""
    yield dashboard.purpose
    for title, panels in dashboard.rows:
        yield ""
        yield f"**{title}**"
        yield ""
        yield "| panel | what it shows | what to do |"
        yield "| --- | --- | --- |"
        for panel in panels:
            yield f"| {panel.title} | {panel.meaning} | {panel.advice} |"
    yield ""
