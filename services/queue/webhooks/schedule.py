"""When a delivery that failed is tried again."""

from __future__ import annotations

import random

#: Seconds before the second attempt; three times as long before each further one, up to the longest.
FIRST_DELAY = 10.0
FACTOR = 3.0
LONGEST_DELAY = 6 * 3600.0

#: With these, the last attempt is made some 27 hours after the first.
MAX_ATTEMPTS = 12

#: Each delay is longer or shorter by up to this share, so that what failed together does not come back together.
JITTER = 0.2


def delay_after(attempt: int, uniform: float | None = None) -> float | None:
    """Seconds between an attempt, counted from 1, and the next; None after the last one.

    `uniform` is between 0 and 1, by chance unless it is given.
    """
    if attempt >= MAX_ATTEMPTS:
        return None
    chance = random.random() if uniform is None else uniform
    delay = min(FIRST_DELAY * FACTOR ** (attempt - 1), LONGEST_DELAY)
    return delay * (1 + JITTER * (2 * chance - 1))
