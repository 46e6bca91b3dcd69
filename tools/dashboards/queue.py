"""The queue: what waits for whom, and how it is shared."""

from __future__ import annotations

from tools.dashboards.model import Dashboard, Panel, Query, once, quantiles, rate

_WAITING = once("silverprint_queue_depth", "state, priority, user", '{state="pending"}')

QUEUE = Dashboard(
    uid="silverprint-queue",
    title="Silverprint / Queue and fairness",
    purpose="What waits, how long, in which order, and what goes wrong between queue and executors.",
    rows=[
        (
            "What waits",
            [
                Panel(
                    "Waiting, by priority",
                    "Higher priorities run before all others.",
                    [Query(f"sum by (priority) ({_WAITING})", "{{priority}}")],
                    stacked=True,
                    advice="If high ones never run out, low ones never run.",
                ),
                Panel(
                    "Waiting, with a user or without",
                    "Users take turns; prompts without one take turns with each as if they were one user.",
                    [Query(f"sum by (user) ({_WAITING})", "{{user}}")],
                    stacked=True,
                ),
                Panel(
                    "Oldest waiting, by priority",
                    "How long the prompt has waited that waits longest.",
                    [Query(f"{once('silverprint_queue_oldest_waiting_seconds', 'priority')}", "{{priority}}")],
                    unit="s",
                ),
            ],
        ),
        (
            "How long things take",
            [
                Panel(
                    "Wait, by priority",
                    "Time from submission to the first start.",
                    quantiles("silverprint_queue_wait_seconds", "priority", steps=(0.5, 0.95)),
                    unit="s",
                ),
                Panel(
                    "Waits",
                    "The same as a heat map: where the bulk is, and the tail.",
                    [
                        Query(
                            "sum by (le) (increase(silverprint_queue_wait_seconds_bucket[$__rate_interval]))", "{{le}}"
                        )
                    ],
                    unit="s",
                    kind="heatmap",
                ),
                Panel(
                    "Run, by outcome",
                    "Time that the last attempt took.",
                    quantiles("silverprint_queue_run_seconds", "outcome", steps=(0.5, 0.95)),
                    unit="s",
                ),
            ],
        ),
        (
            "In and out",
            [
                Panel(
                    "Submitted and ended",
                    "Prompts per second that came and went.",
                    [
                        Query("sum(rate(silverprint_queue_prompts_submitted_total[$__rate_interval]))", "submitted"),
                        Query("sum(rate(silverprint_queue_prompts_finished_total[$__rate_interval]))", "ended"),
                    ],
                    unit="ops",
                    advice="Submitted above ended for long means that the queue fills.",
                ),
                Panel(
                    "Rejected, by reason",
                    "Prompts per second that were refused when they were submitted.",
                    [rate("silverprint_queue_prompts_rejected_total", "reason")],
                    unit="ops",
                    advice="`no_suitable_executor`: models or node packs are missing on the executors.",
                ),
                Panel(
                    "Attempts, redeliveries, expiries",
                    "Prompts given to executors; prompts that wait again because one was lost or gave them back; leases"
                    " that ran out.",
                    [
                        Query("sum(rate(silverprint_queue_attempts_total[$__rate_interval]))", "attempts"),
                        Query("sum(rate(silverprint_queue_redeliveries_total[$__rate_interval]))", "redeliveries"),
                        Query("sum(rate(silverprint_queue_lease_expiries_total[$__rate_interval]))", "expiries"),
                    ],
                    unit="ops",
                    advice="Expiries are hosts that vanish or hang; redeliveries without them are workers that die.",
                ),
            ],
        ),
        (
            "The service",
            [
                Panel(
                    "gRPC calls",
                    "Calls per second that servers ended, by method.",
                    [rate("silverprint_grpc_calls_total", "grpc_method")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "gRPC errors",
                    "Calls per second that did not end well, by status.",
                    [rate("silverprint_grpc_calls_total", "grpc_code", '{grpc_code!="OK"}')],
                    unit="ops",
                    advice="CANCELLED is a caller that left, as watchers do. INTERNAL is a bug of ours: see the log.",
                ),
                Panel(
                    "gRPC latency",
                    "Time of calls with one answer, by method.",
                    quantiles("silverprint_grpc_call_duration_seconds", "grpc_method", steps=(0.99,)),
                    unit="s",
                ),
                Panel(
                    "Open streams",
                    "Executors (`Work`) and watchers (`Watch`) that are connected.",
                    [Query("sum by (grpc_method) (silverprint_grpc_streams)", "{{grpc_method}}")],
                ),
                Panel(
                    "Store latency",
                    "Time that the database took, by operation; of changes, until they were on disk.",
                    quantiles("silverprint_queue_store_seconds", "operation", steps=(0.99,)),
                    unit="s",
                    advice="`add` is part of every submission. High for all: a slow disk, or a busy database.",
                ),
                Panel(
                    "The store answers",
                    "1 while the database answers.",
                    [Query("min(silverprint_queue_store_up)")],
                    kind="stat",
                    thresholds=((None, "red"), (1, "green")),
                    advice="0: nothing is accepted. With PostgreSQL look at it; with SQLite at the disk.",
                ),
                Panel(
                    "Free disk",
                    "Share of the file systems of queue and files that is free.",
                    [
                        Query(
                            "min by (service) (silverprint_data_free_bytes / silverprint_data_size_bytes)",
                            "{{service}}",
                        )
                    ],
                    unit="percentunit",
                    kind="bargauge",
                    thresholds=((None, "red"), (0.1, "orange"), (0.2, "green")),
                    advice="Below 10 %: delete outputs, lower the limits of the history, or add space.",
                ),
            ],
        ),
    ],
)
