"""The server interceptor: turns raised errors into statuses and counts, for unary and streaming handlers alike."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeAlias

import grpc

from services.errors import ServiceError
from services.rpc.metrics import CallMetrics
from services.rpc.status import particulars_of, status_of

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Ends a call with the status of the error that its handler raised, and counts it.

    What is not a `ServiceError` is a bug of ours: it is logged with its traceback, and the
    caller is told INTERNAL without particulars.
    """

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the handler by the shape of its response."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method
        if handler.response_streaming:
            return _streaming(handler, method, self._metrics)
        return _unary(handler, method, self._metrics)


def _unary(handler: Handler, method: str, metrics: CallMetrics) -> Handler:
    behavior: Any = handler.stream_unary if handler.request_streaming else handler.unary_unary

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        began = time.perf_counter()
        code = grpc.StatusCode.CANCELLED
        try:
            response = await behavior(request, context)
            code = grpc.StatusCode.OK
            return response
        except Exception as error:
            code = _code(error)
            await _abort(context, method, error)
        finally:
            metrics.ended(method, code, time.perf_counter() - began)

    make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
    return make(answer, handler.request_deserializer, handler.response_serializer)


def _streaming(handler: Handler, method: str, metrics: CallMetrics) -> Handler:
    behavior: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream

    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        code = grpc.StatusCode.CANCELLED
        try:
            with metrics.streaming(method):
                async for response in behavior(request, context):
                    yield response
            code = grpc.StatusCode.OK
        except Exception as error:
            code = _code(error)
            await _abort(context, method, error)
        finally:
            metrics.ended(method, code)

    make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
    return make(answer, handler.request_deserializer, handler.response_serializer)


def _code(error: Exception) -> grpc.StatusCode:
    return status_of(error) if isinstance(error, ServiceError) else grpc.StatusCode.INTERNAL


async def _abort(context: grpc.aio.ServicerContext[Any, Any], method: str, error: Exception) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, ServiceError):
        await context.abort(status_of(error), error.message, particulars_of(error))
    log.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "internal error, see the log of the service")
    raise AssertionError("abort always raises")
