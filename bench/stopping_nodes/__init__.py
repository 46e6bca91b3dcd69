"""A node pack for `bench.interrupting`: a node that looks whether it is to stop, and one that does not."""

from __future__ import annotations

import time
from typing import Any

from comfy.model_management import throw_exception_if_processing_interrupted  # type: ignore[import-not-found]

#: Seconds between looks.
PAUSE = 0.01


class Listening:
    """Runs until it is interrupted."""

    RETURN_TYPES = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The number keeps it out of caches."""
        return {"required": {"number": ("INT", {"max": 1 << 30})}}

    def run(self, number: int) -> tuple[()]:
        """Look as often as a fast sampler does."""
        while True:
            throw_exception_if_processing_interrupted()
            time.sleep(PAUSE)


class Deaf(Listening):
    """Runs whatever happens."""

    def run(self, number: int) -> tuple[()]:
        """Sleep, as a long call into C does."""
        time.sleep(3600)
        return ()


NODE_CLASS_MAPPINGS = {"Listening": Listening, "Deaf": Deaf}
