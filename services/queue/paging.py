"""Pages of prompts: which ones can be asked for."""

from __future__ import annotations

from collections.abc import Collection

from services.errors import InvalidArgument
from services.queue.records import PromptState


def check_page(states: Collection[PromptState], limit: int, offset: int) -> None:
    """Check that a page can be read.

    Raises:
        InvalidArgument: `limit` or `offset` is negative, or no state is named.
    """
    if limit < 0 or offset < 0:
        raise InvalidArgument(f"limit and offset must not be negative, they are {limit} and {offset}")
    if not states:
        raise InvalidArgument("no state is named")
