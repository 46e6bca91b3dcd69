"""The bundled pack, loaded as packs are."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor.bundled import node_packs
from services.executor.custom.packs import MODULE_PREFIX, LoadedPacks, load_packs

PACK = "line_preprocessors"
SIDE = 128


@pytest.fixture(scope="module")
def pack() -> LoadedPacks:
    return load_packs([node_packs()])


@pytest.fixture
def hed(pack: LoadedPacks) -> Any:
    return pack.classes["HEDPreprocessor"]().execute


@pytest.fixture
def scribble(pack: LoadedPacks) -> Any:
    return pack.classes["ScribblePreprocessor"]().execute


def module(pack: LoadedPacks, name: str) -> Any:
    return sys.modules[f"{MODULE_PREFIX}{PACK}.{name}"]


def square(side: int = SIDE, inside: float = 0.8, outside: float = 0.2) -> Tensor:
    """A bright square in the middle of a dark picture (1, side, side, 3)."""
    picture = torch.full((1, side, side, 3), outside)
    picture[:, side // 4 : -side // 4, side // 4 : -side // 4] = inside
    return picture


def outline(side: int = SIDE, reach: int = 3) -> Tensor:
    """Where lines around the square may be, (side, side) of booleans."""
    inside = square(side)[0, ..., 0] > 0.5
    near = torch.nn.functional.max_pool2d(inside.float()[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0
    far = -torch.nn.functional.max_pool2d(-inside.float()[None, None], 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0
    return near & ~far


def test_it_is_loaded_with_what_workflows_ask_of_its_classes(pack: LoadedPacks) -> None:
    assert pack.failures == {}
    resolution = {"default": 512, "min": 64, "max": 16384, "step": 64}
    hed, scribble = pack.classes["HEDPreprocessor"].INPUT_TYPES(), pack.classes["ScribblePreprocessor"].INPUT_TYPES()
    assert hed["required"] == scribble["required"] == {"image": ("IMAGE",)}
    assert list(hed["optional"]) == ["safe", "resolution"]
    assert hed["optional"]["safe"][0] == ["enable", "disable"]
    assert hed["optional"]["safe"][1]["default"] == "enable"
    for declared in (hed, scribble):
        kind, options = declared["optional"]["resolution"]
        assert (kind, options | resolution) == ("INT", options)
    assert pack.display_names == {"HEDPreprocessor": "HED Soft-Edge Lines", "ScribblePreprocessor": "Scribble Lines"}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_shorter_side_is_as_asked_and_every_picture_gets_its_lines(hed: Any, scribble: Any, channels: int) -> None:
    pictures = torch.cat((square(96)[:, :64], torch.zeros(1, 64, 96, 3)))
    pictures = torch.cat((pictures, torch.ones(2, 64, 96, 1)), -1)[..., :channels]
    for (lines,) in (hed(pictures, resolution=128), scribble(pictures, resolution=128)):
        assert (lines.shape, lines.dtype) == ((2, 128, 192, 3), torch.float32)
        assert float(lines[0].max()) == 1
        assert float(lines[1].max()) == 0
        assert torch.equal(lines[..., 0], lines[..., 2])


def test_soft_edges_are_along_outlines_and_nowhere_else(hed: Any) -> None:
    (lines,) = hed(square(), safe="disable", resolution=SIDE)
    brightness, where = lines[0, ..., 0], outline()
    assert float(brightness[~where].max()) < 0.01
    assert float((brightness[where] > 0.2).float().mean()) > 0.3
    assert len(brightness.unique()) > 5


def test_safe_soft_edges_have_three_levels(hed: Any) -> None:
    (lines,) = hed(square(), resolution=SIDE)
    assert lines.unique().tolist() == [0.0, 0.5, 1.0]


def test_a_clear_outline_is_brighter_than_a_faint_one(hed: Any) -> None:
    clear, faint = (hed(square(inside=inside), safe="disable", resolution=SIDE)[0] for inside in (0.9, 0.27))
    assert 0 < float(faint.sum()) < float(clear.sum()) / 2


def test_colours_of_one_brightness_have_an_outline(hed: Any, scribble: Any) -> None:
    picture = torch.where(square() > 0.5, torch.tensor([0.9, 0.1, 0.5]), torch.tensor([0.1, 0.9, 0.5]))
    for (lines,) in (hed(picture, resolution=SIDE), scribble(picture, resolution=SIDE)):
        assert float(lines[0, ..., 0][outline()].mean()) > 0.12


def test_noise_is_no_line(hed: Any, scribble: Any) -> None:
    noisy = square(256) + torch.randn(1, 256, 256, 3, generator=torch.Generator().manual_seed(1)) * 0.03
    for (lines,) in (hed(noisy.clamp(0, 1), resolution=256), scribble(noisy.clamp(0, 1), resolution=256)):
        beside = lines[0, ..., 0][~outline(256, 6)]
        assert float((beside > 0).float().mean()) < 0.01
        assert float(lines[0, ..., 0][outline(256)].mean()) > 0.2


def test_a_scribble_is_one_line_for_a_line(scribble: Any, pack: LoadedPacks) -> None:
    places = torch.arange(float(SIDE)) - SIDE / 2
    distance = torch.hypot(places[:, None], places[None, :])
    ring = ((distance - 40).abs() > 1.5).float()[None, ..., None].expand(1, SIDE, SIDE, 3)
    (lines,) = scribble(ring, resolution=SIDE)
    assert lines.unique().tolist() == [0.0, 1.0]
    drawn = lines[0, ..., 0] > 0
    assert float((distance[drawn] - 40).abs().max()) < 3.5
    assert parts(pack, lines[:1, ..., 0].unsqueeze(1)) == 1


def test_thinning_leaves_one_pixel_and_no_gap(pack: LoadedPacks) -> None:
    thick = torch.zeros(1, 1, 40, 60)
    thick[..., 5:12, 5:50] = 1
    thick[..., 5:35, 20:27] = 1
    thick[..., 30:35, 40:58] = 1
    thin = module(pack, "drawn").thinned(thick)
    assert parts(pack, thin) == parts(pack, thick) == 2
    squares = torch.nn.functional.avg_pool2d(thin, 2, stride=1) == 1
    assert int(squares.sum()) == 0
    assert bool((thin <= thick).all())


def test_nothing_can_be_thinned_and_hangs_together(pack: LoadedPacks) -> None:
    empty = torch.zeros(1, 1, 5, 5)
    assert torch.equal(module(pack, "drawn").thinned(empty), empty)
    assert torch.equal(module(pack, "drawn").touching(empty, empty), empty)


def test_lines_grow_from_what_is_certain_round_corners(pack: LoadedPacks) -> None:
    spiral = torch.zeros(1, 1, 9, 9)
    spiral[..., 0, :] = spiral[..., :, 8] = spiral[..., 8, 1:] = spiral[..., 3:, 1] = spiral[..., 3, 1:6] = 1
    seeds = torch.zeros_like(spiral)
    seeds[..., 3, 5] = 1
    apart = spiral.clone()
    apart[..., 4, 8] = 0
    assert torch.equal(module(pack, "drawn").touching(seeds, spiral), spiral)
    assert float(module(pack, "drawn").touching(seeds, apart).sum()) == float(apart.sum()) - 12


@pytest.mark.parametrize("image", [torch.zeros(64, 64, 3), torch.zeros(1, 64, 64, 2), torch.zeros(1, 0, 64, 3)])
def test_what_is_no_picture_is_refused(hed: Any, scribble: Any, image: Tensor) -> None:
    for execute in (hed, scribble):
        with pytest.raises(ValueError, match="image: expected pictures"):
            execute(image)


def test_a_resolution_of_nothing_is_refused(hed: Any) -> None:
    with pytest.raises(ValueError, match="resolution: 0"):
        hed(square(), resolution=0)


def test_a_pack_of_the_users_is_preferred(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "theirs.py").write_text("class HED:\n    pass\nNODE_CLASS_MAPPINGS = {'HEDPreprocessor': HED}\n")
    with caplog.at_level(logging.ERROR):
        loaded = load_packs([tmp_path, node_packs()])
    assert loaded.classes["HEDPreprocessor"].__name__ == "HED"
    assert "ScribblePreprocessor" in loaded.classes


def parts(pack: LoadedPacks, mask: Tensor) -> int:
    """How many pieces hang together."""
    return len(module(pack, "drawn").Drawn(mask).parts().unique())
