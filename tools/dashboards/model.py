"""What a dashboard consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and how its series are called (with `{{label}}`)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A picture of some queries: what it means, and what to do when it looks wrong."""

    title: str
    meaning: str
    queries: Sequence[Query]
    #: Grafana's name of the unit
    unit: str = "short"
    #: "timeseries", "stat", "bargauge" or "heatmap"
    kind: str = "timeseries"
    #: what to do
    advice: str = ""
    #: columns of 24, and rows
    width: int = 8
    height: int = 8
    stacked: bool = False
    #: (value from which on, colour), the first at None
    thresholds: Sequence[tuple[float | None, str]] = ()
    #: the dashboard that a click on a series leads to, and the variable that its label of this name sets
    leads_to: tuple[str, str] | None = None


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, in rows."""

    uid: str
    title: str
    purpose: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    #: variables: name and what its values are asked with
    variables: Sequence[tuple[str, str]] = field(default=())


def quantiles(histogram: str, by: str = "", of: str = "", steps: Sequence[float] = (0.5, 0.95, 0.99)) -> list[Query]:
    """Quantiles of a histogram over all that match `of`, a series for each value of the label `by`."""
    labels = f"le, {by}" if by else "le"
    legend = f"p{{}} {{{{{{{{{by}}}}}}}}}" if by else "p{}"
    return [
        Query(
            f"histogram_quantile({step}, sum by ({labels}) (rate({histogram}_bucket{of}[$__rate_interval])))",
            legend.format(round(step * 100)),
        )
        for step in steps
    ]


def rate(counter: str, by: str = "", of: str = "") -> Query:
    """How fast a counter goes up, by a label."""
    grouping = f" by ({by})" if by else ""
    return Query(f"sum{grouping} (rate({counter}{of}[$__rate_interval]))", f"{{{{{by}}}}}" if by else "")


def once(gauge: str, by: str, of: str = "") -> str:
    """A gauge that several services tell of, once for each value of its labels."""
    return f"max by ({by}) ({gauge}{of})"
