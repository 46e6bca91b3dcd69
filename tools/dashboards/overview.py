"""The first page: whether all is well."""

from __future__ import annotations

from tools.dashboards.model import Dashboard, Panel, Query, once, quantiles, rate

DEPTH = "silverprint_queue_depth"
_BY = "state, priority, user"
_RED = ((None, "green"), (300, "orange"), (1800, "red"))

OVERVIEW = Dashboard(
    uid="silverprint-overview",
    title="Silverprint / Overview",
    purpose="Whether prompts are accepted, run and answered.",
    rows=[
        (
            "Now",
            [
                Panel(
                    "Waiting",
                    "Prompts that wait for an executor.",
                    [Query(f'sum({once(DEPTH, _BY, """{state="pending"}""")})')],
                    kind="stat",
                    width=4,
                    height=4,
                    advice="When it only grows, add executors, or look at the queue's page for what holds them up.",
                ),
                Panel(
                    "Running",
                    "Prompts that executors run.",
                    [Query(f'sum({once(DEPTH, _BY, """{state="running"}""")})')],
                    kind="stat",
                    width=4,
                    height=4,
                ),
                Panel(
                    "Oldest waiting",
                    "How long the prompt has waited that waits longest.",
                    [Query("max(silverprint_queue_oldest_waiting_seconds)")],
                    unit="s",
                    kind="stat",
                    width=4,
                    height=4,
                    thresholds=_RED,
                    advice="A prompt may wait for a model or a node class that no connected executor has: see /queue.",
                ),
                Panel(
                    "Executors",
                    "Executors that are connected.",
                    [Query("max(silverprint_queue_executors)")],
                    kind="stat",
                    width=4,
                    height=4,
                    thresholds=((None, "red"), (1, "green")),
                    advice="None: nothing runs. Look at the executors' logs and at whether they reach the queue.",
                ),
                Panel(
                    "Places in use",
                    "Share of the executors' places that are taken.",
                    [
                        Query(
                            f"1 - sum({once('silverprint_executor_free_slots', 'executor')})"
                            f" / sum({once('silverprint_executor_slots', 'executor')})"
                        )
                    ],
                    unit="percentunit",
                    kind="stat",
                    width=4,
                    height=4,
                    advice="Near 100 % with prompts waiting: more executors would help. Low with prompts waiting: they"
                    " need something that the idle ones lack.",
                ),
                Panel(
                    "Failing",
                    "Share of the prompts that ended in the last minutes which failed.",
                    [
                        Query(
                            'sum(rate(silverprint_queue_prompts_finished_total{outcome="failed"}[5m]))'
                            " / sum(rate(silverprint_queue_prompts_finished_total[5m]))"
                        )
                    ],
                    unit="percentunit",
                    kind="stat",
                    width=4,
                    height=4,
                    thresholds=((None, "green"), (0.05, "orange"), (0.2, "red")),
                    advice="The history says which node failed and why; many different ones point to a host or a disk.",
                ),
            ],
        ),
        (
            "Prompts",
            [
                Panel(
                    "Waiting and running",
                    "The depth of the queue.",
                    [Query(f"sum by (state) ({once(DEPTH, _BY)})", "{{state}}")],
                    stacked=True,
                ),
                Panel(
                    "Ended, by outcome",
                    "Prompts per second that ended.",
                    [rate("silverprint_queue_prompts_finished_total", "outcome")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Wait until the start",
                    "Time from submission to the first start.",
                    quantiles("silverprint_queue_wait_seconds"),
                    unit="s",
                ),
            ],
        ),
        (
            "Devices and clients",
            [
                Panel(
                    "Device memory in use",
                    "Share of each device's memory that is taken.",
                    [
                        Query(
                            f"1 - {once('silverprint_device_vram_free_bytes', 'executor, device')}"
                            f" / {once('silverprint_device_vram_total_bytes', 'executor, device')}",
                            "{{executor}} {{device}}",
                        )
                    ],
                    unit="percentunit",
                    leads_to=("silverprint-executors", "executor"),
                    advice="Full is what caching models looks like; it is trouble when memory steps go up as well.",
                ),
                Panel(
                    "HTTP answers",
                    "Answers of the gateways per second, by status.",
                    [rate("silverprint_gateway_http_requests_total", "code")],
                    unit="reqps",
                    stacked=True,
                    advice="5xx are ours: the gateway's log says which service did not answer.",
                ),
                Panel(
                    "HTTP latency",
                    "Time from a request to the end of its answer.",
                    quantiles("silverprint_gateway_http_request_duration_seconds"),
                    unit="s",
                ),
            ],
        ),
    ],
)
