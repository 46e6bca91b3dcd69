"""How long prompts may take: what a submission asks for, what it gets, and what it may have."""

from __future__ import annotations

import math

import msgspec

from services.errors import InvalidArgument
from services.queue.records import Submission


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; 0 for any time. The maxima are also what a submission gets that asks for any time."""

    run_timeout: float = 0.0
    total_timeout: float = 0.0
    max_run_timeout: float = 0.0
    max_total_timeout: float = 0.0

    def __post_init__(self) -> None:
        """Check that they make sense.

        Raises:
            InvalidArgument: they do not.
        """
        for name in self.__struct_fields__:
            _check(name.replace("_", "-"), getattr(self, name))
        self.of(Submission(graph_json=b""))

    def of(self, submission: Submission) -> tuple[float, float]:
        """What one attempt at a submission may take, and what may pass until its end.

        Raises:
            InvalidArgument: it asks for more than is allowed, or for what is no time.
        """
        return (
            _chosen("run_timeout", submission.run_timeout, self.run_timeout, self.max_run_timeout),
            _chosen("total_timeout", submission.total_timeout, self.total_timeout, self.max_total_timeout),
        )


def _chosen(name: str, asked: float | None, default: float, maximum: float) -> float:
    chosen = default if asked is None else asked
    _check(name, chosen)
    if maximum and chosen > maximum:
        raise InvalidArgument(f"{name} is {chosen:g} seconds, more than the {maximum:g} that are allowed")
    return chosen or maximum


def _check(name: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidArgument(f"{name} must be a number of seconds that is not negative, not {seconds:g}")


ANY_TIME = TimeLimits()
