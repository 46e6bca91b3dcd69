"""What callers ask to be written, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.queue.life import Step, Transition
from services.queue.stores.base import Choice, NewPrompt


@dataclass(frozen=True)
class Add:
    """Begin a prompt's life; the answer is a `Receipt`."""

    new: NewPrompt


@dataclass(frozen=True)
class Apply:
    """Apply a transition; the answer is the step, or None."""

    prompt_id: str
    transition: Transition


@dataclass(frozen=True)
class Claim:
    """Claim a prompt; the answer is a `services.queue.stores.base.Claim`, or None."""

    assign: Transition
    choice: Choice


Operation = Add | Apply | Claim


@dataclass(frozen=True)
class Outcome:
    """What an operation came to: its answer, or what its transition raised; and the step it made, if any."""

    value: Any = None
    step: Step | None = None
    #: of the prompt that an `Apply` changed
    row: int | None = None
    error: Exception | None = None


class Interference(Exception):
    """Another replica got in between; the same transaction works when it is done again."""
