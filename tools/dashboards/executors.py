"""Executors and their devices."""

from __future__ import annotations

from tools.dashboards.model import Dashboard, Panel, Query, once, rate

_OF = '{executor=~"$executor"}'
_DEVICE = "executor, device"
_NAMED = "{{executor}} {{device}}"


def _device(metric: str, name: str) -> Query:
    return Query(once(f"silverprint_device_{metric}", _DEVICE, _OF), f"{name} {_NAMED}")


def _counted(metric: str, by: str = "", legend: str = _NAMED) -> Query:
    """Counters of workers are told by the queue and by executors: the faster of the two is it."""
    labels = f"{_DEVICE}, {by}" if by else _DEVICE
    return Query(f"max by ({labels}) (rate(silverprint_executor_{metric}{_OF}[$__rate_interval]))", legend)


EXECUTORS = Dashboard(
    uid="silverprint-executors",
    title="Silverprint / Executors and devices",
    purpose="What devices hold and what their time goes into.",
    variables=[("executor", "label_values(silverprint_executor_slots, executor)")],
    rows=[
        (
            "Devices",
            [
                Panel(
                    "Device memory",
                    "All of it, what is free, what torch holds, and what it has given to tensors.",
                    [
                        _device("vram_total_bytes", "total"),
                        _device("vram_free_bytes", "free"),
                        _device("torch_reserved_bytes", "reserved"),
                        _device("torch_allocated_bytes", "allocated"),
                    ],
                    unit="bytes",
                    width=12,
                    advice="Free near zero while reserved is far above allocated: fragmentation, which a restart of the"
                    " worker mends. Free near zero and reserved low: another process is on the device.",
                ),
                Panel(
                    "Utilization",
                    "Share of the time in which devices computed; that of the host's CPUs where there is no other.",
                    [_device("utilization_ratio", "")],
                    unit="percentunit",
                    width=12,
                    advice="Low while prompts run: models are being loaded, or pictures saved.",
                ),
                Panel(
                    "Weights, by place",
                    "Weights of models on the device, on the host, and as pages of their files.",
                    [
                        Query(
                            once("silverprint_executor_model_bytes", f"{_DEVICE}, place", _OF), "{{place}} {{executor}}"
                        )
                    ],
                    unit="bytes",
                    width=12,
                    stacked=True,
                ),
                Panel(
                    "Models loaded",
                    "Models whose weights are on the device.",
                    [Query(once("silverprint_executor_models_loaded", _DEVICE, _OF), _NAMED)],
                ),
                Panel(
                    "Loads and evictions",
                    "Times per second that weights came to a device, and that models had to leave it for others.",
                    [
                        _counted("model_loads_total", legend=f"loads {_NAMED}"),
                        _counted("model_evictions_total", legend=f"evictions {_NAMED}"),
                    ],
                    unit="ops",
                    advice="Evictions all the time: prompts for different models take turns on one device. More"
                    " executors, or fewer models per executor.",
                ),
                Panel(
                    "Memory steps",
                    "What was done because memory ran out or would have, from freeing caches to failing.",
                    [_counted("memory_steps_total", "step", "{{step}} {{executor}}")],
                    unit="ops",
                    stacked=True,
                    advice="`partial_load` and `tile` cost time; `fail` costs a prompt. See docs/memory.md.",
                ),
            ],
        ),
        (
            "Where time goes",
            [
                Panel(
                    "Time by node class",
                    "Seconds of work per second, by the class of the node.",
                    [rate("silverprint_executor_node_seconds_sum", "node_class")],
                    unit="percentunit",
                    width=12,
                    stacked=True,
                ),
                Panel(
                    "Nodes, slowest first",
                    "The 95th percentile of the time that nodes of a class take.",
                    [
                        Query(
                            "topk(10, histogram_quantile(0.95, sum by (le, node_class)"
                            " (rate(silverprint_executor_node_seconds_bucket[$__rate_interval]))))",
                            "{{node_class}}",
                        )
                    ],
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Steps per second",
                    "Progress of nodes; of samplers these are steps.",
                    [rate("silverprint_executor_node_progress_total", "node_class")],
                    unit="ops",
                ),
                Panel(
                    "Results at hand",
                    "Share of nodes that need not run since their results are known.",
                    [
                        Query(
                            "sum(rate(silverprint_executor_nodes_cached_total[$__rate_interval])) /"
                            " (sum(rate(silverprint_executor_nodes_cached_total[$__rate_interval]))"
                            " + sum(rate(silverprint_executor_node_seconds_count[$__rate_interval])))"
                        )
                    ],
                    unit="percentunit",
                ),
                Panel(
                    "Runs, by outcome",
                    "Runs per second that ended.",
                    [rate("silverprint_executor_runs_total", "outcome")],
                    unit="ops",
                    stacked=True,
                ),
            ],
        ),
        (
            "Liveness",
            [
                Panel(
                    "Places",
                    "Prompts that executors run at once, and places that are free.",
                    [
                        Query(once("silverprint_executor_slots", "executor", _OF), "all {{executor}}"),
                        Query(once("silverprint_executor_free_slots", "executor", _OF), "free {{executor}}"),
                    ],
                ),
                Panel(
                    "Ready",
                    "1 while an executor is connected and its worker has loaded its nodes.",
                    [Query("min by (instance) (silverprint_executor_ready)", "{{instance}}")],
                    advice="0 for long: the executor's log says what keeps the worker from starting.",
                ),
                Panel(
                    "Ends of workers",
                    "Workers that ended while they were to work, per second.",
                    [
                        Query(
                            "sum by (instance) (rate(silverprint_executor_worker_ends_total[$__rate_interval]))",
                            "{{instance}}",
                        )
                    ],
                    unit="ops",
                    advice="The history of the prompts says by which signal; 9 is usually the system's memory.",
                ),
            ],
        ),
    ],
)
