"""What is counted about memory, and said of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

#: The steps that are taken when memory runs out, from the least that is lost by them to the most.
FREE_CACHES = "free_caches"
UNLOAD_MODELS = "unload_models"
SPLIT_BATCH = "split_batch"
TILE = "tile"
PARTIAL_LOAD = "partial_load"
FAIL = "fail"


@dataclass
class Counters:
    """Counts up from the start of the process.

    Attributes:
        loads: times that weights were brought to the device.
        load_seconds: what that took.
        evictions: networks that had to leave the device for others.
        steps: by name, those taken because memory ran out or would have.
    """

    loads: int = 0
    load_seconds: float = 0.0
    evictions: int = 0
    steps: Counter[str] = field(default_factory=Counter)
