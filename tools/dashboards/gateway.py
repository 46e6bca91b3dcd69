"""The gateways and the file services."""

from __future__ import annotations

from tools.dashboards.model import Dashboard, Panel, Query, quantiles, rate

_HTTP = "silverprint_gateway_http_request_duration_seconds"
_FILES = '{grpc_service="FileService"}'

GATEWAY = Dashboard(
    uid="silverprint-gateway",
    title="Silverprint / Gateway and files",
    purpose="What clients ask for, what they are answered, and how their files flow.",
    rows=[
        (
            "HTTP",
            [
                Panel(
                    "Requests, by route",
                    "Requests per second that were answered.",
                    [rate("silverprint_gateway_http_requests_total", "route")],
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    "Errors, by status",
                    "Answers per second with a status from 400 on.",
                    [rate("silverprint_gateway_http_requests_total", "code", '{code=~"4..|5.."}')],
                    unit="reqps",
                    advice="429: limits of users are reached. 503: a service behind the gateway does not answer.",
                ),
                Panel("Latency", "Time to the end of the answer.", quantiles(_HTTP), unit="s"),
                Panel(
                    "Slowest routes",
                    "The 95th percentile by route.",
                    [
                        Query(
                            "topk(8, histogram_quantile(0.95, sum by (le, route)"
                            f" (rate({_HTTP}_bucket[$__rate_interval]))))",
                            "{{route}}",
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "POST /prompt",
                    "Time in which prompts are accepted, durably.",
                    quantiles(_HTTP, of='{route=~"(/api)?/prompt"}'),
                    unit="s",
                    advice="It has two writes to the queue's disk in it: a slow one shows here first.",
                ),
                Panel(
                    "The queue answers",
                    "1 while the queue answers the gateway.",
                    [Query("min(silverprint_gateway_queue_up)")],
                    kind="stat",
                    thresholds=((None, "red"), (1, "green")),
                ),
            ],
        ),
        (
            "WebSockets",
            [
                Panel("Sockets", "WebSockets that are open.", [Query("sum(silverprint_gateway_websockets)")]),
                Panel(
                    "Event lag",
                    "Time from what happened to a prompt until sockets are told of it.",
                    quantiles("silverprint_gateway_event_lag_seconds", steps=(0.5, 0.99)),
                    unit="s",
                    advice="Always as much, whatever happens: the clocks of the hosts differ. Growing: a gateway or a"
                    " queue is out of CPU.",
                ),
                Panel(
                    "Messages left out",
                    "Messages per second that slow readers did not get, by kind: previews first, then progress.",
                    [rate("silverprint_gateway_websocket_messages_dropped_total", "kind")],
                    unit="ops",
                    advice="Harmless for a few clients on slow lines. For all at once: the gateway has no CPU left.",
                ),
                Panel(
                    "Sockets closed for slowness",
                    "Per second; they come again and are told what they missed.",
                    [Query("sum(rate(silverprint_gateway_websocket_overflows_total[$__rate_interval]))")],
                    unit="ops",
                ),
            ],
        ),
        (
            "Files",
            [
                Panel(
                    "File calls",
                    "Calls of the file service per second, by method.",
                    [rate("silverprint_grpc_calls_total", "grpc_method", _FILES)],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "File latency",
                    "Time of calls with one answer, by method.",
                    quantiles("silverprint_grpc_call_duration_seconds", "grpc_method", of=_FILES, steps=(0.95,)),
                    unit="s",
                ),
                Panel(
                    "Stored",
                    "What files hold, by kind; counted every ten minutes.",
                    [Query("max by (kind) (silverprint_files_stored_bytes)", "{{kind}}")],
                    unit="bytes",
                    stacked=True,
                ),
                Panel(
                    "Garbage",
                    "What was freed per second because nobody needs it any more, by kind.",
                    [rate("silverprint_files_garbage_freed_bytes_total", "kind")],
                    unit="Bps",
                    advice="Nothing for days while previews are made: --gc-hours is 0, or the files' log says why.",
                ),
                Panel(
                    "Free disk",
                    "What is free of the file systems of queue and files.",
                    [Query("min by (service) (silverprint_data_free_bytes)", "{{service}}")],
                    unit="bytes",
                ),
            ],
        ),
        (
            "Processes",
            [
                Panel(
                    "CPU",
                    "CPU seconds per second, by process.",
                    [
                        Query(
                            "sum by (job, service) (rate(process_cpu_seconds_total[$__rate_interval]))",
                            "{{job}} {{service}}",
                        )
                    ],
                    unit="percentunit",
                ),
                Panel(
                    "Memory",
                    "Resident memory, by process.",
                    [Query("sum by (job, service) (process_resident_memory_bytes)", "{{job}} {{service}}")],
                    unit="bytes",
                    advice="Gateways, queues and file services stay below 150 MB; more is a leak worth reporting.",
                ),
                Panel(
                    "Versions",
                    "What runs, by version: several at once while an upgrade rolls.",
                    [Query("count by (service, version) (silverprint_build_info)", "{{service}} {{version}}")],
                ),
            ],
        ),
    ],
)
