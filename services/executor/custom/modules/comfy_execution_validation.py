"""`comfy_execution.validation`: which types fit together."""

from __future__ import annotations

from services.graph.compatibility import ANY, accepts


def validate_node_input(received_type: str, input_type: str, strict: bool = False) -> bool:
    """Whether an input takes what is linked to it; types may be several names, joined by commas.

    Args:
        strict: the input has to take every type that may come, not just one of them.
    """
    if not strict or ANY in (received_type, input_type):
        return accepts(input_type, received_type)
    return all(accepts(input_type, one.strip()) for one in received_type.split(","))
