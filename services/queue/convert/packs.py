"""Node packs, calls of their handlers and their messages, as `silverprint.executor.v1` has them."""

from __future__ import annotations

from collections.abc import Iterable

from services.queue.packs import (
    BinaryMessage,
    Headers,
    HttpData,
    HttpHead,
    HttpRequest,
    HttpResponsePart,
    NodePack,
    PackMessage,
    PackReport,
    PackResponse,
    PackRoute,
    TextMessage,
)
from silverprint.executor.v1 import packs_pb2 as pb
from silverprint.executor.v1 import worker_pb2


def report_to_proto(report: PackReport) -> worker_pb2.PackReport:
    """The message of what an executor found."""
    return worker_pb2.PackReport(
        packs=map(_pack_to_proto, report.packs),
        routes=map(_route_to_proto, report.routes),
        extensions=report.extensions,
    )


def report_from_proto(message: worker_pb2.PackReport) -> PackReport:
    """What an executor found, of a message."""
    return PackReport(
        packs=tuple(map(_pack_from_proto, message.packs)),
        routes=tuple(map(_route_from_proto, message.routes)),
        extensions=tuple(message.extensions),
    )


def http_request_to_proto(request: HttpRequest) -> pb.HttpRequest:
    """The message of a request."""
    return pb.HttpRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=_headers_to_proto(request.headers),
        body=request.body,
        file_space=request.file_space,
    )


def http_request_from_proto(message: pb.HttpRequest) -> HttpRequest:
    """The request of a message."""
    headers = _headers_from_proto(message.headers)
    return HttpRequest(message.method, message.path, message.query, headers, message.body, message.file_space)


def part_to_proto(part: HttpResponsePart) -> pb.HttpResponsePart:
    """The message of a part of an answer."""
    if isinstance(part, HttpData):
        return pb.HttpResponsePart(data=part.data)
    return pb.HttpResponsePart(head=pb.HttpHead(status=part.status, headers=_headers_to_proto(part.headers)))


def part_from_proto(message: pb.HttpResponsePart) -> HttpResponsePart:
    """The part of a message."""
    if message.WhichOneof("part") == "head":
        return HttpHead(message.head.status, _headers_from_proto(message.head.headers))
    return HttpData(message.data)


def response_to_proto(response: PackResponse) -> worker_pb2.PackResponse:
    """The message of what comes of a call."""
    if response.part is None:
        return worker_pb2.PackResponse(call_id=response.call_id, end=worker_pb2.PackEnd(error=response.error))
    return worker_pb2.PackResponse(call_id=response.call_id, part=part_to_proto(response.part))


def response_from_proto(message: worker_pb2.PackResponse) -> PackResponse:
    """What comes of a call, of a message."""
    if message.WhichOneof("outcome") == "part":
        return PackResponse(message.call_id, part_from_proto(message.part))
    return PackResponse(message.call_id, None, message.end.error)


def message_to_proto(message: PackMessage) -> pb.PackMessage:
    """The message of what a pack tells browsers."""
    told = pb.PackMessage(client_id=message.client_id, user_id=message.user_id)
    match message.body:
        case TextMessage(event, data_json):
            told.text.CopyFrom(pb.PackMessage.TextMessage(type=event, data_json=data_json))
        case BinaryMessage(kind, data):
            told.binary.CopyFrom(pb.PackMessage.BinaryMessage(kind=kind, data=data))
    return told


def message_from_proto(message: pb.PackMessage) -> PackMessage | None:
    """What a pack tells browsers, of a message; None for a kind that only a newer version knows."""
    match message.WhichOneof("body"):
        case "text":
            body: TextMessage | BinaryMessage = TextMessage(message.text.type, message.text.data_json)
        case "binary":
            body = BinaryMessage(message.binary.kind, message.binary.data)
        case _:
            return None
    return PackMessage(message.client_id, body, message.user_id)


def _headers_to_proto(headers: Headers) -> list[pb.HttpHeader]:
    return [pb.HttpHeader(name=name, value=value) for name, value in headers]


def _headers_from_proto(messages: Iterable[pb.HttpHeader]) -> Headers:
    return tuple((header.name, header.value) for header in messages)


def _pack_to_proto(pack: NodePack) -> pb.NodePack:
    return pb.NodePack(name=pack.name, node_count=pack.node_count, error=pack.error)


def _pack_from_proto(message: pb.NodePack) -> NodePack:
    return NodePack(message.name, message.node_count, message.error)


def _route_to_proto(route: PackRoute) -> pb.PackRoute:
    return pb.PackRoute(method=route.method, path=route.path)


def _route_from_proto(message: pb.PackRoute) -> PackRoute:
    return PackRoute(message.method, message.path)
