"""The three ways in which files of ESRGAN name their weights.

Numbers in a sequence (`model.1.sub.0.RDB1.conv1.0`: the first releases, and most models that people have trained),
capitals (`RRDB_trunk.0.RDB1.conv1`: the second ones, BSRGAN, RealSR), and today's (`body.0.rdb1.conv1`: Real-ESRGAN).
"""

from __future__ import annotations

import re

from services.executor.diffusion.checkpoints.structure import Shapes, count
from services.executor.upscalers.architecture import Weights

_SECOND = {"trunk_conv.": "conv_body.", "HRconv.": "conv_hr."}


def is_esrgan(shapes: Shapes) -> bool:
    """Whether names are those of ESRGAN, in whichever way."""
    first = ("model.1.sub.0.RDB1.conv1.0", "RRDB_trunk.0.RDB1.conv1", "body.0.rdb1.conv1")
    return any(f"{name}.weight" in shapes for name in first)


def with_todays_names(weights: Weights) -> Weights:
    """The same weights under the names of Real-ESRGAN."""
    if "model.0.weight" in weights:
        return _renumbered(weights)
    renamed = {}
    for name, tensor in weights.items():
        name = re.sub(r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2.", name)
        name = re.sub(r"^upconv(\d)\.", r"conv_up\1.", name)
        for old, new in _SECOND.items():
            name = new + name.removeprefix(old) if name.startswith(old) else name
        renamed[name] = tensor
    return renamed


def _renumbered(weights: Weights) -> Weights:
    """Names of the sequence: first convolution, blocks, three places for each doubling, then four for the last two."""
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    places, blocks = count(shapes, "model."), count(shapes, "model.1.sub.")
    named = {"0": "conv_first", f"1.sub.{blocks - 1}": "conv_body"}
    named |= {str(place): f"conv_up{place // 3}" for place in range(3, places - 3, 3)}
    named |= {str(places - 3): "conv_hr", str(places - 1): "conv_last"}
    renamed = {}
    for name, tensor in weights.items():
        place, kind = name.removeprefix("model.").rsplit(".", 1)
        place = re.sub(r"^1\.sub\.(\d+)\.RDB(\d)\.(conv\d(?:x1)?)(?:\.0)?$", r"body.\1.rdb\2.\3", place)
        renamed[f"{named.get(place, place)}.{kind}"] = tensor
    return renamed
