"""A prompt's life, stage by stage."""

from __future__ import annotations

from tools.dashboards.model import Dashboard, Panel, Query, quantiles, rate

LIFE = Dashboard(
    uid="silverprint-life",
    title="Silverprint / A prompt's life",
    purpose="The stages of a prompt in their order, to find the one that is slow.",
    rows=[
        (
            "1. Accepted",
            [
                Panel(
                    "POST /prompt",
                    "From the request to the answer, over all clients.",
                    quantiles("silverprint_gateway_http_request_duration_seconds", of='{route=~"(/api)?/prompt"}'),
                    unit="s",
                ),
                Panel(
                    "Submit",
                    "The queue's part of it: validation and the write to the store.",
                    quantiles("silverprint_grpc_call_duration_seconds", of='{grpc_method="Submit"}'),
                    unit="s",
                ),
                Panel(
                    "Refused",
                    "Prompts per second that were not accepted, by reason.",
                    [rate("silverprint_queue_prompts_rejected_total", "reason")],
                    unit="ops",
                ),
            ],
        ),
        (
            "2. Waiting",
            [
                Panel(
                    "Wait", "From submission to the first start.", quantiles("silverprint_queue_wait_seconds"), unit="s"
                ),
                Panel(
                    "Waiting now",
                    "What is before a prompt that is submitted now.",
                    [
                        Query(
                            'sum(max by (state, priority, user) (silverprint_queue_depth{state="pending"}))', "waiting"
                        )
                    ],
                ),
                Panel(
                    "Waits again",
                    "Attempts per second that came to nothing.",
                    [Query("sum(rate(silverprint_queue_redeliveries_total[$__rate_interval]))", "redeliveries")],
                    unit="ops",
                ),
            ],
        ),
        (
            "3. Running",
            [
                Panel("Run", "From the last start to the end.", quantiles("silverprint_queue_run_seconds"), unit="s"),
                Panel(
                    "Share of each node class",
                    "Seconds of work per second.",
                    [rate("silverprint_executor_node_seconds_sum", "node_class")],
                    unit="percentunit",
                    stacked=True,
                ),
                Panel(
                    "Loading models",
                    "Seconds per second that go into bringing weights to devices.",
                    [
                        Query(
                            "max by (executor, device)"
                            " (rate(silverprint_executor_model_load_seconds_total[$__rate_interval]))",
                            "{{executor}}",
                        )
                    ],
                    unit="percentunit",
                    leads_to=("silverprint-executors", "executor"),
                ),
            ],
        ),
        (
            "4. Kept and told",
            [
                Panel(
                    "Saving pictures",
                    "Time in which the file service keeps a picture.",
                    quantiles("silverprint_grpc_call_duration_seconds", of='{grpc_method="Put"}'),
                    unit="s",
                ),
                Panel(
                    "Ended, by outcome",
                    "Prompts per second that ended.",
                    [rate("silverprint_queue_prompts_finished_total", "outcome")],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Fetching pictures",
                    "Time of /view to the end of the answer.",
                    quantiles("silverprint_gateway_http_request_duration_seconds", of='{route=~"(/api)?/view"}'),
                    unit="s",
                ),
            ],
        ),
    ],
)
