"""Hosts, devices, health, metrics and abilities over HTTP."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services import __version__
from services.gateway.service import Settings, serving
from tests.gateway.executor import CPU, GIB, HOST
from tests.gateway.stack import Gateway, gateway, wait_for_interrupt

pytestmark = pytest.mark.asyncio(loop_scope="module")


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Value by name and label values, in the alphabetic order of the labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_system_stats_have_the_recorded_shape(shared: Gateway) -> None:
    stats = (await shared.http.get("/system_stats")).json()
    recorded = {
        "os": HOST.os,
        "ram_total": HOST.ram_total,
        "ram_free": HOST.ram_free,
        "comfyui_version": "0.3.64",
        "required_frontend_version": "1.27.10",
        "installed_templates_version": None,
        "required_templates_version": "0.1.95",
        "python_version": HOST.python_version,
        "pytorch_version": HOST.torch_version,
        "embedded_python": False,
        "argv": ["silverprint"],
    }
    assert recorded.items() <= stats["system"].items()
    assert stats["devices"] == [
        {
            "name": "cpu",
            "type": "cpu",
            "index": None,
            "vram_total": CPU.vram_total,
            "vram_free": CPU.vram_free,
            "torch_vram_total": CPU.torch_vram_total,
            "torch_vram_free": CPU.torch_vram_free,
        }
    ]


@pytest.mark.asyncio(loop_scope="function")
async def test_before_any_executor_was_there_system_stats_tell_of_this_host() -> None:
    async with gateway(executor=False) as alone:
        stats = (await alone.http.get("/system_stats")).json()
    assert stats["devices"] == []
    assert stats["system"]["ram_total"] > 0


async def test_features_and_extensions(shared: Gateway) -> None:
    features = (await shared.http.get("/features")).json()
    assert features == {"supports_preview_metadata": True, "max_upload_size": 104857600}
    assert (await shared.http.get("/api/extensions")).json() == []


async def test_health_is_good_while_all_services_answer(shared: Gateway) -> None:
    answer = await shared.http.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "live": True,
        "services": {"queue": "ok", "files": "ok"},
        "node_packs": {"loaded": [], "failed": []},
        "version": __version__,
    }


async def test_it_is_ready_while_prompts_are_accepted_and_run(shared: Gateway) -> None:
    answer = await shared.http.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "accepts": True, "reasons": []})


@pytest.mark.asyncio(loop_scope="function")
async def test_it_says_why_it_is_not_ready() -> None:
    async with gateway() as running:
        await running.http.get("/object_info")
        await running.queue.drain_executor("executor-1", undo=False)
        answer = await running.http.get("/ready")
        reasons = ["all executors take no more prompts"]
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "accepts": True, "reasons": reasons})
    async with gateway(executor=False) as idle:
        answer = await idle.http.get("/ready")
        assert answer.status_code == 503
        nodes, executors = answer.json()["reasons"]
        assert nodes.startswith("the node catalogue: no executor has told yet")
        assert executors == "no executor is connected"


async def test_without_the_services_the_gateway_lives_and_says_which_one_is_missing(shared: Gateway) -> None:
    async with serving(Settings(port=0, queue="127.0.0.1:1", files="127.0.0.1:1")) as port:
        address = f"http://127.0.0.1:{port}"
        health = await shared.http.get(f"{address}/health")
        assert health.status_code == 503
        assert health.json()["live"] is True
        assert health.json()["status"] == "degraded"
        assert "ok" not in health.json()["services"].values()
        assert (await shared.http.get(f"{address}/health/live")).json() == {"live": True}
        ready = (await shared.http.get(f"{address}/ready")).json()
        assert (ready["ready"], ready["accepts"]) == (False, False)
        assert {reason.partition(":")[0] for reason in ready["reasons"]} >= {"the queue", "the file service"}
        for path in ("/queue", "/history", "/object_info", "/system_stats", "/view?filename=x.png", "/prompt"):
            answer = await shared.http.get(address + path)
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        scraped = samples((await shared.http.get(f"{address}/metrics")).text)
        assert scraped["silverprint_gateway_queue_up", ()] == 0
        assert not any(name == "silverprint_queue_depth" for name, _ in scraped)
        assert (await shared.http.get(f"{address}/")).status_code == 200


@pytest.mark.asyncio(loop_scope="function")
async def test_metrics_tell_the_queue_the_devices_and_what_was_answered() -> None:
    async with gateway(wait_for_interrupt) as running:
        await running.submit(prompt_id="runs")
        await running.begun("runs")
        await running.submit()
        await running.http.get("/history/%2e%2e/nowhere-particular")
        await running.http.get("/no/such/path")
        async with running.socket("me") as socket:
            await asyncio.wait_for(socket.recv(), 10)
            answer = await running.http.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        scraped = samples(answer.text)
        assert scraped["silverprint_queue_depth", ("normal", "running", "anonymous")] == 1
        assert scraped["silverprint_queue_depth", ("normal", "pending", "anonymous")] == 1
        assert scraped["silverprint_device_vram_total_bytes", ("cpu", "executor-1")] == CPU.vram_total
        assert scraped["silverprint_device_vram_free_bytes", ("cpu", "executor-1")] == CPU.vram_free
        expected = {
            ("memory_budget_bytes",): 5 * GIB,
            ("models_loaded",): 3,
            ("model_bytes", "device"): 0,
            ("model_bytes", "host"): GIB,
            ("model_bytes", "mapped"): 2 * GIB,
            ("model_loads_total",): 7,
            ("model_load_seconds_total",): 1.5,
            ("model_evictions_total",): 4,
            ("memory_steps_total", "free_caches"): 2,
            ("memory_steps_total", "tile"): 1,
        }
        for (name, *labels), value in expected.items():
            assert scraped[f"silverprint_executor_{name}", ("cpu", "executor-1", *labels)] == value
        assert scraped["silverprint_build_info", ("gateway", __version__)] == 1
        assert scraped["silverprint_gateway_queue_up", ()] == 1
        assert scraped["silverprint_gateway_websockets", ()] == 1
        assert "nowhere" not in answer.text
        requests = {key: value for key, value in scraped.items() if key[0] == "silverprint_gateway_http_requests_total"}
        assert sum(requests.values()) == 4


async def test_metric_names_follow_the_conventions(shared: Gateway) -> None:
    text = (await shared.http.get("/metrics")).text
    families = [family for family in text_string_to_metric_families(text) if family.name.startswith("silverprint")]
    assert len(families) > 8
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert not family.name.endswith(("_gauge", "_counter", "_info_info")), family.name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
    assert len({family.name for family in families}) == len(families)
