"""What classes say against their own inputs."""

from __future__ import annotations

from services.graph.complaints import Complaint
from services.graph.errors import NodeError
from services.graph.rules.exceptions import Fault


def complaint_error(complaint: Complaint) -> NodeError | Fault:
    """The error that a complaint amounts to."""
    if complaint.exception_type is not None:
        return Fault(complaint.exception_type, complaint.message)
    details = " - ".join(part for part in (complaint.input, complaint.message) if part)
    extra = {"input_name": complaint.input} if complaint.input is not None else {}
    return NodeError("custom_validation_failed", "Custom validation failed for node", details, extra)
