"""Makes the Grafana dashboards in `deploy/grafana/` and the page that explains them: `python -m tools.dashboards`."""

from __future__ import annotations
