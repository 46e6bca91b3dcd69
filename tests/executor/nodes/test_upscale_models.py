"""Pictures enlarged by networks."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from services.errors import NotFound
from services.executor import environment
from services.executor.engine.context import Interrupted
from services.executor.model_folders import ModelFolders
from services.executor.nodes.upscale_models import ImageUpscaleWithModel, UpscaleModelLoader
from services.graph.events import NodeProgress
from tests.executor.diffusion.golden import GOLDEN, tensors
from tests.executor.nodes.conftest import Surroundings

RECORDED = tensors("modules")
TOLERANCE = 2e-5  # of the largest value


@pytest.fixture(autouse=True)
def _models() -> Iterator[None]:
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((GOLDEN / "models",))))
    yield
    environment.install(before)


class Doubler:
    """An upscaler that some pack has made; it has the interface of ours and doubles pixels."""

    scale, input_channels, output_channels = 2, 3, 3

    def __init__(self, largest: int = 1 << 20) -> None:
        self.largest = largest
        self.seen: list[tuple[int, ...]] = []
        self.model = torch.nn.Linear(1, 1)

    def __call__(self, tile: Tensor) -> Tensor:
        self.seen.append(tuple(tile.shape))
        if max(tile.shape) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return tile.repeat_interleave(2, -1).repeat_interleave(2, -2)


def upscaled(model: object, image: Tensor) -> Tensor:
    return ImageUpscaleWithModel().upscale(model, image)[0]


def test_a_recorded_network_gives_the_recorded_picture(surroundings: Surroundings) -> None:
    (model,) = UpscaleModelLoader().load_model("esrgan_small.safetensors")
    image, raw = RECORDED["esrgan/image"], RECORDED["esrgan/raw"]
    with torch.inference_mode():
        found = model.model(image.movedim(-1, 1))
    torch.testing.assert_close(found, raw, rtol=0, atol=TOLERANCE * float(raw.abs().max()))
    expected = RECORDED["esrgan/out"]
    torch.testing.assert_close(upscaled(model, image), expected, rtol=0, atol=TOLERANCE * float(expected.max()))


def test_a_large_picture_goes_tile_by_tile_with_progress(surroundings: Surroundings) -> None:
    model, image = Doubler(), torch.rand(2, 600, 1000, 3)
    enlarged = upscaled(model, image)
    torch.testing.assert_close(enlarged, image.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert model.seen == [
        (1, 3, *tile) for tile in [(512, 512), (512, 512), (512, 40), (120, 512), (120, 512), (120, 40)] * 2
    ]
    done = [(event.value, event.maximum) for event in surroundings.events if isinstance(event, NodeProgress)]
    assert done == [(float(tile), 12.0) for tile in range(1, 13)]


def test_tiles_are_halved_until_they_fit(surroundings: Surroundings) -> None:
    model, image = Doubler(largest=128), torch.rand(1, 300, 150, 3)
    torch.testing.assert_close(upscaled(model, image), image.repeat_interleave(2, 1).repeat_interleave(2, 2))
    tried = [max(shape) for shape in model.seen]
    assert list(dict.fromkeys(tried)) == [300, 256, 128, 108]


def test_memory_that_is_too_little_for_small_tiles_is_told(surroundings: Surroundings) -> None:
    model = Doubler(largest=64)
    with pytest.raises(torch.OutOfMemoryError, match="for enlarging a picture, in tiles of 128x128 .*tile"):
        upscaled(model, torch.rand(1, 600, 600, 3))


def test_what_is_wrong_with_a_network_is_no_want_of_memory(surroundings: Surroundings) -> None:
    model = SimpleNamespace(scale=2, input_channels=3, output_channels=3, model=torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match="not callable"):
        upscaled(model, torch.rand(1, 8, 8, 3))


def test_an_interruption_is_heard_between_tiles(surroundings: Surroundings) -> None:
    model = Doubler()
    surroundings.run.interrupted.set()
    with pytest.raises(Interrupted):
        upscaled(model, torch.rand(1, 600, 600, 3))
    assert len(model.seen) == 1


def test_transparency_is_left_out_and_too_few_channels_are_refused(surroundings: Surroundings) -> None:
    image = torch.rand(1, 4, 4, 4)
    assert torch.equal(upscaled(Doubler(), image), upscaled(Doubler(), image[..., :3]))
    with pytest.raises(ValueError, match="image: has 1 channels, upscale_model takes 3"):
        upscaled(Doubler(), torch.rand(1, 4, 4, 1))


def test_a_picture_that_could_not_be_held_is_refused_before_it_is_made(surroundings: Surroundings) -> None:
    vast = torch.zeros(1).expand(4096, 16384, 16384, 3)
    with pytest.raises(ValueError, match="image, upscale_model: .* GiB"):
        upscaled(Doubler(), vast)


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match=r"'nowhere\.pth' in upscale_models"):
        UpscaleModelLoader().load_model("nowhere.pth")
