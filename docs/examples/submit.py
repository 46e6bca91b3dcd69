"""Submit a workflow over gRPC and follow it: `python docs/examples/submit.py 127.0.0.1:8190 workflow.json`."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc

from silverprint.queue.v1 import queue_pb2, queue_pb2_grpc

target, workflow = sys.argv[1:]
with grpc.insecure_channel(target) as channel:
    queue = queue_pb2_grpc.QueueServiceStub(channel)
    answer = queue.Submit(queue_pb2.SubmitRequest(graph_json=Path(workflow).read_bytes()))
    if answer.HasField("rejected"):
        sys.exit(answer.rejected.error_json.decode())
    for response in queue.Watch(queue_pb2.WatchRequest(prompt_id=answer.accepted.prompt_id)):
        for event in response.events:
            print(event.sequence, event.execution.WhichOneof("body") or event.WhichOneof("body"))
