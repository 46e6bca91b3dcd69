"""gRPC channel arguments, the same on both ends."""

from __future__ import annotations

#: Prompts may embed pictures; files travel in chunks and never need this.
MAX_MESSAGE_BYTES = 32 << 20

_COMMON: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Without this a peer that hangs is noticed after 70 seconds instead of 15.
    ("grpc.http2.ping_timeout_ms", 5_000),
]

SERVER_OPTIONS = [
    *_COMMON,
    # With port sharing a second server binds the same port silently and takes half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
]

CLIENT_OPTIONS = [
    *_COMMON,
    # Probing makes room for megabytes per stream. Who passes a file on to a slow reader must not hold much of it, and a
    # message at a time is fast enough for everybody else.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # A service that restarts is back in a second; the default would wait up to two minutes to look.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
