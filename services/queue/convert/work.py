"""The messages of the Work stream."""

from __future__ import annotations

import msgspec

from services.errors import InvalidArgument
from services.graph.complaints import Complaint
from services.queue.convert import logs, packs
from services.queue.convert.execution import event_from_proto, event_to_proto
from services.queue.convert.hosts import device_from_proto, device_to_proto, host_from_proto, host_to_proto
from services.queue.logs import LogLines
from services.queue.packs import PackCancellation, PackFlow, PackMessage, PackReport, PackRequest, PackResponse
from services.queue.records import Assignment, Lease
from services.queue.work import (
    CataloguePublication,
    Drain,
    Drained,
    EventBatch,
    ExecutorMessage,
    Heartbeat,
    Hello,
    Interruption,
    LeaseLost,
    LeaseRelease,
    MemoryRelease,
    PreviewDemand,
    QueueMessage,
    Validation,
    ValidationAnswer,
    Welcome,
)
from silverprint.executor.v1 import worker_pb2 as pb

_complaints = msgspec.json.Decoder(dict[str, list[Complaint]])


def request_to_proto(message: ExecutorMessage) -> pb.WorkRequest:
    """What an executor says."""
    match message:
        case Hello():
            return pb.WorkRequest(hello=_hello_to_proto(message))
        case CataloguePublication(digest, definitions_json):
            return pb.WorkRequest(catalogue=pb.CataloguePublication(digest=digest, definitions_json=definitions_json))
        case Heartbeat():
            return pb.WorkRequest(heartbeat=_heartbeat_to_proto(message))
        case EventBatch(lease, events, durable_before):
            told = map(event_to_proto, events)
            batch = pb.EventBatch(lease=_lease_to_proto(lease), events=told, kept_before=durable_before)
            return pb.WorkRequest(events=batch)
        case LeaseRelease(lease, reason, counts, node_id, node_type):
            release = pb.LeaseRelease(
                lease=_lease_to_proto(lease),
                reason=reason,
                counts_as_attempt=counts,
                node_id=node_id,
                node_type=node_type,
            )
            return pb.WorkRequest(release=release)
        case ValidationAnswer(request_id, complaints):
            answer = pb.ValidationAnswer(request_id=request_id, complaints_json=msgspec.json.encode(complaints))
            return pb.WorkRequest(validation=answer)
        case PackReport():
            return pb.WorkRequest(packs=packs.report_to_proto(message))
        case PackMessage():
            return pb.WorkRequest(pack_message=packs.message_to_proto(message))
        case PackResponse():
            return pb.WorkRequest(pack_response=packs.response_to_proto(message))
        case LogLines():
            return pb.WorkRequest(logs=logs.lines_to_proto(message))


def request_from_proto(request: pb.WorkRequest) -> ExecutorMessage | None:
    """What an executor said; None for a kind that a newer version knows.

    Raises:
        InvalidArgument: the complaints are not the JSON they should be.
    """
    match request.WhichOneof("message"):
        case "hello":
            return _hello_from_proto(request.hello)
        case "catalogue":
            return CataloguePublication(request.catalogue.digest, request.catalogue.definitions_json)
        case "heartbeat":
            return _heartbeat_from_proto(request.heartbeat)
        case "events":
            return _batch_from_proto(request.events)
        case "release":
            release = request.release
            return LeaseRelease(
                _lease_from_proto(release.lease),
                release.reason,
                release.counts_as_attempt,
                release.node_id,
                release.node_type,
            )
        case "validation":
            return ValidationAnswer(request.validation.request_id, _read_complaints(request.validation.complaints_json))
        case "packs":
            return packs.report_from_proto(request.packs)
        case "pack_message":
            return packs.message_from_proto(request.pack_message)
        case "pack_response":
            return packs.response_from_proto(request.pack_response)
        case "logs":
            return logs.lines_from_proto(request.logs)
    return None


def response_to_proto(message: QueueMessage) -> pb.WorkResponse:
    """What the queue wants."""
    match message:
        case Welcome(catalogue_wanted, duration):
            welcome = pb.Welcome(catalogue_wanted=catalogue_wanted, lease_duration_ms=round(duration * 1000))
            return pb.WorkResponse(welcome=welcome)
        case Assignment():
            return pb.WorkResponse(assignment=_assignment_to_proto(message))
        case LeaseLost(lease, reason):
            return pb.WorkResponse(lease_lost=pb.LeaseLost(lease=_lease_to_proto(lease), reason=reason))
        case Interruption(lease):
            return pb.WorkResponse(interruption=pb.Interruption(lease=_lease_to_proto(lease)))
        case Validation(request_id, graph_json, node_ids, file_space):
            asked = pb.Validation(
                request_id=request_id, graph_json=graph_json, node_ids=node_ids, file_space=file_space
            )
            return pb.WorkResponse(validation=asked)
        case PreviewDemand(lease, wanted):
            return pb.WorkResponse(preview_demand=pb.PreviewDemand(lease=_lease_to_proto(lease), wanted=wanted))
        case MemoryRelease(results):
            return pb.WorkResponse(memory_release=pb.MemoryRelease(results=results))
        case Drain(undo):
            return pb.WorkResponse(drain=pb.Drain(undo=undo))
        case Drained():
            return pb.WorkResponse(drained=pb.Drained())
        case PackRequest(call_id, request):
            call = pb.PackRequest(call_id=call_id, request=packs.http_request_to_proto(request))
            return pb.WorkResponse(pack_request=call)
        case PackFlow(call_id, taken_bytes):
            return pb.WorkResponse(pack_flow=pb.PackFlow(call_id=call_id, taken_bytes=taken_bytes))
        case PackCancellation(call_id):
            return pb.WorkResponse(pack_cancellation=pb.PackCancellation(call_id=call_id))


def response_from_proto(response: pb.WorkResponse) -> QueueMessage | None:
    """What the queue wanted; None for a kind that a newer version knows."""
    match response.WhichOneof("message"):
        case "welcome":
            return Welcome(response.welcome.catalogue_wanted, response.welcome.lease_duration_ms / 1000)
        case "assignment":
            return _assignment_from_proto(response.assignment)
        case "lease_lost":
            return LeaseLost(_lease_from_proto(response.lease_lost.lease), response.lease_lost.reason)
        case "interruption":
            return Interruption(_lease_from_proto(response.interruption.lease))
        case "validation":
            asked = response.validation
            return Validation(asked.request_id, asked.graph_json, tuple(asked.node_ids), asked.file_space)
        case "preview_demand":
            return PreviewDemand(_lease_from_proto(response.preview_demand.lease), response.preview_demand.wanted)
        case "memory_release":
            return MemoryRelease(response.memory_release.results)
        case "drain":
            return Drain(response.drain.undo)
        case "drained":
            return Drained()
        case "pack_request":
            request = packs.http_request_from_proto(response.pack_request.request)
            return PackRequest(response.pack_request.call_id, request)
        case "pack_flow":
            return PackFlow(response.pack_flow.call_id, response.pack_flow.taken_bytes)
        case "pack_cancellation":
            return PackCancellation(response.pack_cancellation.call_id)
    return None


def _read_complaints(complaints_json: bytes) -> dict[str, list[Complaint]]:
    if not complaints_json:
        return {}
    try:
        return _complaints.decode(complaints_json)
    except msgspec.DecodeError as error:
        raise InvalidArgument(f"the complaints cannot be read: {error}") from error


def _lease_to_proto(lease: Lease) -> pb.Lease:
    return pb.Lease(prompt_id=lease.prompt_id, token=lease.token)


def _lease_from_proto(message: pb.Lease) -> Lease:
    return Lease(message.prompt_id, message.token)


def _batch_from_proto(message: pb.EventBatch) -> EventBatch:
    timed = (event for event in map(event_from_proto, message.events) if event is not None)
    durable_before = message.kept_before if message.HasField("kept_before") else None
    return EventBatch(_lease_from_proto(message.lease), tuple(timed), durable_before)


def _hello_to_proto(hello: Hello) -> pb.Hello:
    return pb.Hello(
        executor_id=hello.executor_id,
        host=hello.host,
        version=hello.version,
        slots=hello.slots,
        catalogue_digest=hello.catalogue_digest,
        devices=map(device_to_proto, hello.devices),
        held_leases=map(_lease_to_proto, hello.held_leases),
        host_info=host_to_proto(hello.host_info),
        standby=hello.standby,
        draining=hello.draining,
    )


def _hello_from_proto(message: pb.Hello) -> Hello:
    return Hello(
        executor_id=message.executor_id,
        host=message.host,
        version=message.version,
        slots=message.slots,
        catalogue_digest=message.catalogue_digest,
        devices=tuple(map(device_from_proto, message.devices)),
        held_leases=tuple(map(_lease_from_proto, message.held_leases)),
        host_info=host_from_proto(message.host_info),
        standby=message.standby,
        draining=message.draining,
    )


def _heartbeat_to_proto(heartbeat: Heartbeat) -> pb.Heartbeat:
    return pb.Heartbeat(
        devices=map(device_to_proto, heartbeat.devices),
        free_slots=heartbeat.free_slots,
        leases=map(_lease_to_proto, heartbeat.leases),
        host_info=host_to_proto(heartbeat.host_info),
        standby=heartbeat.standby,
        draining=heartbeat.draining,
    )


def _heartbeat_from_proto(message: pb.Heartbeat) -> Heartbeat:
    return Heartbeat(
        free_slots=message.free_slots,
        leases=tuple(map(_lease_from_proto, message.leases)),
        devices=tuple(map(device_from_proto, message.devices)),
        host_info=host_from_proto(message.host_info),
        standby=message.standby,
        draining=message.draining,
    )


def _assignment_to_proto(assignment: Assignment) -> pb.Assignment:
    return pb.Assignment(
        lease=_lease_to_proto(assignment.lease),
        attempt=assignment.attempt,
        graph_json=assignment.graph_json,
        extra_data_json=assignment.extra_data_json,
        output_node_ids=assignment.output_node_ids,
        previews_wanted=assignment.previews_wanted,
        client_id=assignment.client_id,
        user_id=assignment.user_id,
        file_space=assignment.file_space,
        traceparent=assignment.traceparent,
    )


def _assignment_from_proto(message: pb.Assignment) -> Assignment:
    return Assignment(
        lease=_lease_from_proto(message.lease),
        attempt=message.attempt,
        graph_json=message.graph_json,
        extra_data_json=message.extra_data_json,
        output_node_ids=tuple(message.output_node_ids),
        previews_wanted=message.previews_wanted,
        client_id=message.client_id,
        user_id=message.user_id,
        file_space=message.file_space,
        traceparent=message.traceparent,
    )
