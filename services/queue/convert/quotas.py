"""What users may have, as `silverprint.queue.v1` has it."""

from __future__ import annotations

from services.queue.records import UserLimits
from silverprint.queue.v1 import queue_pb2 as pb


def limits_to_proto(limits: UserLimits) -> pb.UserLimits:
    """The message of limits."""
    return pb.UserLimits(
        user_id=limits.user_id,
        weight=limits.weight,
        max_waiting=limits.max_waiting,
        max_running=limits.max_running,
        allowed_nodes=limits.allowed_nodes,
        denied_nodes=limits.denied_nodes,
    )


def limits_from_proto(message: pb.UserLimits) -> UserLimits:
    """The limits of a message."""
    return UserLimits(
        user_id=message.user_id,
        weight=message.weight if message.HasField("weight") else None,
        max_waiting=message.max_waiting if message.HasField("max_waiting") else None,
        max_running=message.max_running if message.HasField("max_running") else None,
        allowed_nodes=tuple(message.allowed_nodes),
        denied_nodes=tuple(message.denied_nodes),
    )
