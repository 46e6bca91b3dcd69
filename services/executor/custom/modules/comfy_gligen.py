"""`comfy.gligen`: phrases in boxes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from services.executor.diffusion.control.gligen_reading import gligen
from services.executor.patching.gligen import Gligen as Gligen


def load_gligen(sd: Mapping[str, Tensor]) -> Gligen:
    """The network with these weights.

    Raises:
        CheckpointError: it is no GLIGEN.
    """
    return Gligen(gligen(sd))
