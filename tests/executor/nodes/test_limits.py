"""What a node may ask for before anything is allocated."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from services.executor.nodes.image import EmptyImage, ImageScale
from services.executor.nodes.image_batches import RepeatImageBatch
from services.executor.nodes.image_scaling import ResizeAndPadImage
from services.executor.nodes.image_stitch import ImageStitch
from services.executor.nodes.limits import check_size, largest_result
from services.executor.nodes.outpainting import ImagePadForOutpaint

SPOT = torch.zeros(1, 1, 1, 3)
MANY = SPOT.expand(4096, 1, 1, 3)  # takes the memory of one pixel


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda: EmptyImage().generate(16384, 16384, 4096), "width, height, batch_size"),
        (lambda: ImageScale().upscale(MANY, "lanczos", 16384, 16384, "disabled"), "width, height"),
        (lambda: ImageScale().upscale(MANY, "area", 16384, 0, "disabled"), "width, height"),
        (lambda: RepeatImageBatch().repeat(MANY.expand(4096, 512, 512, 3), 4096), "amount"),
        (lambda: ResizeAndPadImage().resize_and_pad(MANY, 16384, 16384, "black", "area"), "target_width"),
        (lambda: ImagePadForOutpaint().expand_image(MANY, 16384, 16384, 0, 0, 0), "left, top, right, bottom"),
        (
            lambda: ImageStitch().stitch(MANY, "down", False, 0, "red", SPOT.expand(1, 16384, 16384, 3)),
            "image1, image2",
        ),
    ],
)
def test_a_result_of_terabytes_is_refused_and_its_inputs_are_named(ask: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=rf"^{named}.* more than the .* GiB that one result may take"):
        ask()


def test_the_limit_is_half_of_the_memory() -> None:
    values = largest_result() // 4
    check_size("size", values)
    with pytest.raises(ValueError, match="size: "):
        check_size("size", values + 1)
