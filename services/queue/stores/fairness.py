"""Fair sharing: the tags by which prompts of several users take turns.

Start-time fair queueing (Goyal, Vin, Cheng 1996): each user has a virtual finish time, and virtual time is the tag of
the prompt that was claimed last. A prompt begins where its user's previous one ends, or now, whichever is later: a user
who was away has no claim to what was missed, and one who sends thousands holds nobody else up. Every prompt counts
alike; a user of weight 2 advances by half for each. Priorities have virtual times of their own.
"""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """Where a user stands after submitting a prompt."""

    #: of the prompt
    tag: float
    #: of the user, after this prompt
    finish: float


def share(finish: float | None, virtual_time: float, overtaken_tag: float | None, weight: float) -> Share:
    """The tag of a new prompt.

    `finish` is where the user's last prompt ends (None for the first one). Within a user the order is by number:
    when this prompt's number goes before others that wait, it has the tag of the first of those, `overtaken_tag`.
    """
    start = max(finish or 0.0, virtual_time)
    return Share(start if overtaken_tag is None else overtaken_tag, start + 1.0 / weight)
