"""Traces, sent by real processes to a receiver of OpenTelemetry's own protocol."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from services.errors import InvalidArgument
from services.queue.prompts import Queue
from services.queue.records import Submission
from services.queue.stores.memory import MemoryStore
from services.tracing import ENDPOINTS, is_traceparent, tracing
from tests.e2e.stack import Stack, running, wait_for

TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CLIENT}-01"

GRAPH: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}
FAILING = {
    "1": GRAPH["1"],
    "2": {"class_type": "ProbeError", "inputs": {"image": ["1", 0], "msg": "boom"}},
    "3": {"class_type": "PreviewImage", "inputs": {"images": ["2", 0]}},
}


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans, as a collector does."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []

    def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            names = {it.key: it.value.string_value for it in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(names["service.name"].removeprefix("silverprint-"), span) for span in scope.spans]
        return pb.ExportTraceServiceResponse()

    def of(self, service: str, name: str) -> list[Span]:
        """Those of one service and name."""
        return [span for who, span in self.spans if (who, span.name) == (service, name)]

    def one(self, service: str, name: str) -> Span:
        """The span of that name, once it is there."""
        (found,) = wait_for(lambda: self.of(service, name), f"the span {name}")
        assert isinstance(found, Span)
        return found


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector, named in the environment of processes to come."""
    server = grpc.server(ThreadPoolExecutor(2))
    collecting = Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collecting, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENDPOINTS[0], f"http://127.0.0.1:{port}")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collecting
    server.stop(None).wait()


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("data")
    (data / "models").mkdir()
    with running(data) as stack:
        yield stack


def attribute(span: Span, name: str) -> Any:
    return next(
        (getattr(it.value, it.value.WhichOneof("value") or "") for it in span.attributes if it.key == name), None
    )


def test_a_prompt_is_one_trace_from_its_client_to_its_nodes(stack: Stack, collector: Collector) -> None:
    answer = stack.client.post("/prompt", json={"prompt": GRAPH}, headers={"traceparent": TRACEPARENT})
    prompt_id = answer.json()["prompt_id"]
    assert stack.finished(prompt_id)["status"]["status_str"] == "success"
    submitted = collector.one("gateway", "submit")
    waited, ran = collector.one("queue", "wait"), collector.one("executor", "run")
    nodes = [collector.one("executor", name) for name in ("EmptyImage", "SaveImage")]
    assert {span.trace_id.hex() for span in (submitted, waited, ran, *nodes)} == {TRACE}
    assert submitted.parent_span_id.hex() == CLIENT
    assert {waited.parent_span_id, ran.parent_span_id} == {submitted.span_id}
    assert {node.parent_span_id for node in nodes} == {ran.span_id}
    for span in (waited, ran):
        assert attribute(span, "silverprint.prompt_id") == prompt_id
    assert attribute(ran, "silverprint.attempt") == 1
    assert [attribute(node, "silverprint.node_id") for node in nodes] == ["1", "2"]
    assert waited.start_time_unix_nano <= waited.end_time_unix_nano <= nodes[0].start_time_unix_nano
    for node in nodes:
        assert ran.start_time_unix_nano <= node.start_time_unix_nano <= node.end_time_unix_nano
        assert node.end_time_unix_nano <= ran.end_time_unix_nano
    assert ran.status.code != Status.STATUS_CODE_ERROR


def test_a_failure_is_told_of_the_node_and_of_the_run(stack: Stack, collector: Collector) -> None:
    prompt_id = stack.submit(FAILING)
    assert stack.finished(prompt_id)["status"]["status_str"] == "error"
    node = collector.one("executor", "ProbeError")
    (run,) = wait_for(lambda: [it for it in collector.of("executor", "run") if it.span_id == node.parent_span_id], "it")
    for span in (node, run):
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert "boom" in span.status.message


def test_a_prompt_of_a_client_that_traces_nothing_is_a_trace_as_well(stack: Stack, collector: Collector) -> None:
    for header in ("", "00-0-0-00", f"00-{'0' * 32}-{CLIENT}-01", "x" * 5000):
        answer = stack.client.post("/prompt", json={"prompt": GRAPH}, headers={"traceparent": header})
        stack.finished(answer.json()["prompt_id"])
    submitted = wait_for(lambda: len(found := collector.of("gateway", "submit")) >= 6 and found, "spans")
    assert sum(not span.parent_span_id for span in submitted) == 5


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (TRACEPARENT, True),
        (f"{TRACEPARENT}-later-versions-say-more", True),
        ("", False),
        (TRACEPARENT.upper(), False),
        (f"00-{'0' * 32}-{CLIENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"{TRACEPARENT}\n", False),
    ],
)
def test_what_names_a_trace(text: str, is_one: bool) -> None:
    assert is_traceparent(text) is is_one


async def test_the_queue_takes_no_trace_that_is_none() -> None:
    queue = Queue(MemoryStore())
    with pytest.raises(InvalidArgument, match="traceparent"):
        await queue.submit(Submission(graph_json=b"{}", traceparent="nonsense"))


def test_without_an_endpoint_nothing_is_imported() -> None:
    code = "import sys\nfrom services.tracing import tracing\nwith tracing('x') as it:\n assert it is None\n"
    code += "assert not any(name.startswith('opentelemetry') for name in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_missing_package_is_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with tracing("gateway") as traces:
        assert traces is None
    assert "silverprint[tracing]" in caplog.text


async def test_a_collector_that_is_away_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")

    def trace() -> None:
        with tracing("gateway") as traces:
            assert traces is not None
            traces.begin("x").end()

    await asyncio.to_thread(trace)
