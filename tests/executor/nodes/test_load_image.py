"""The node that reads pictures."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

from services.errors import InvalidArgument, NotFound
from services.executor.nodes.load_image import LoadImage
from tests.executor.nodes.conftest import Surroundings


def place(surroundings: Surroundings, name: str, picture: Image.Image, **options: Any) -> Path:
    path = surroundings.folder / "input" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def test_a_picture_without_transparency_has_an_empty_mask(surroundings: Surroundings) -> None:
    place(surroundings, "a.png", Image.new("RGB", (7, 5), (255, 128, 0)))
    image, mask = LoadImage().load_image("a.png")
    assert image.shape == (1, 5, 7, 3)
    assert image.dtype == torch.float32
    torch.testing.assert_close(image[0, 0, 0], torch.tensor([1.0, 128 / 255, 0.0]))
    assert torch.equal(mask, torch.zeros(1, 64, 64))


def test_transparency_becomes_a_mask(surroundings: Surroundings) -> None:
    picture = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    picture.putpixel((1, 0), (10, 20, 30, 51))
    place(surroundings, "a.png", picture)
    image, mask = LoadImage().load_image("a.png")
    torch.testing.assert_close(mask, torch.tensor([[[0.0, 0.8]]]))
    torch.testing.assert_close(image[0, 0, 1] * 255, torch.tensor([10.0, 20.0, 30.0]))


def test_a_transparent_palette_becomes_a_mask(surroundings: Surroundings) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([0, 255, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    place(surroundings, "a.png", picture, transparency=1)
    image, mask = LoadImage().load_image("a.png")
    assert mask.tolist() == [[[0.0, 1.0]]]
    assert image[0, 0].tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_grey_of_sixteen_bits_keeps_its_depth(surroundings: Surroundings) -> None:
    place(surroundings, "a.png", Image.fromarray(numpy.array([[0, 65535, 1000]], dtype=numpy.uint16)))
    image, _ = LoadImage().load_image("a.png")
    torch.testing.assert_close(image[0, 0, :, 0], torch.tensor([0.0, 1.0, 1000 / 65535]))
    assert image.shape == (1, 1, 3, 3)


def test_a_picture_stands_upright(surroundings: Surroundings) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    place(surroundings, "a.png", Image.new("RGB", (4, 2)), exif=exif)
    assert LoadImage().load_image("a.png")[0].shape == (1, 4, 2, 3)


def test_an_animation_becomes_a_batch(surroundings: Surroundings) -> None:
    frames = [Image.new("RGB", (3, 3), (shade, 0, 0)) for shade in (0, 100, 200)]
    place(surroundings, "a.webp", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    image, mask = LoadImage().load_image("a.webp")
    assert [round(float(frame[0, 0, 0]) * 255) for frame in image] == [0, 100, 200]
    assert mask.shape == (3, 64, 64)


def test_of_a_multi_picture_jpeg_the_first_counts(surroundings: Surroundings) -> None:
    thumbnail = Image.new("RGB", (8, 8), (0, 0, 255))
    place(surroundings, "a.jpg", Image.new("RGB", (8, 8)), format="MPO", save_all=True, append_images=[thumbnail])
    assert LoadImage().load_image("a.jpg")[0].shape == (1, 8, 8, 3)


@pytest.mark.parametrize("name", ["sub/a.png", "sub/a.png [input]", "./sub//a.png"])
def test_a_name_may_have_a_subfolder_and_say_its_kind(name: str, surroundings: Surroundings) -> None:
    place(surroundings, "sub/a.png", Image.new("L", (1, 1), 255))
    assert LoadImage.VALIDATE_INPUTS(name) is True
    assert LoadImage().load_image(name)[0].tolist() == [[[[1.0, 1.0, 1.0]]]]


def test_pictures_that_were_saved_can_be_loaded(surroundings: Surroundings) -> None:
    place(surroundings, "../output/b.png", Image.new("L", (1, 1), 0))
    assert LoadImage.VALIDATE_INPUTS("b.png [output]") is True
    assert LoadImage.VALIDATE_INPUTS("b.png") == "Invalid image file: b.png"


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "a/../../secret.png [input]", ""])
def test_s05_a_name_that_leaves_the_folder_is_refused(name: str, surroundings: Surroundings) -> None:
    Image.new("L", (1, 1)).save(surroundings.folder / "secret.png")
    assert LoadImage.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"
    with pytest.raises(InvalidArgument):
        LoadImage().load_image(name)


def test_a_missing_picture_is_named(surroundings: Surroundings) -> None:
    with pytest.raises(NotFound, match=r"nope\.png"):
        LoadImage().load_image("nope.png")


def test_another_content_is_a_change_and_another_date_is_none(surroundings: Surroundings) -> None:
    path = place(surroundings, "a.png", Image.new("L", (1, 1), 1))
    before = LoadImage.IS_CHANGED("a.png")
    path.touch()
    assert LoadImage.IS_CHANGED("a.png") == before
    place(surroundings, "a.png", Image.new("L", (1, 1), 2))
    assert LoadImage.IS_CHANGED("a.png") != before


def test_s17_a_decompression_bomb_is_refused_before_it_is_unpacked(surroundings: Surroundings) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (surroundings.folder / "input/bomb.png").write_bytes(bomb)
    with pytest.raises(ValueError, match=r"bomb\.png has .*pixels"):
        LoadImage().load_image("bomb.png")


def test_a_damaged_picture_is_named(surroundings: Surroundings) -> None:
    buffer = io.BytesIO()
    Image.fromarray(numpy.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=numpy.uint8)).save(buffer, "PNG")
    (surroundings.folder / "input/cut.png").write_bytes(buffer.getvalue()[:3000])
    with pytest.raises(ValueError, match=r"cut\.png is damaged"):
        LoadImage().load_image("cut.png")


def test_what_is_no_picture_is_refused(surroundings: Surroundings) -> None:
    (surroundings.folder / "input/notes.png").write_text("not a picture")
    with pytest.raises(ValueError, match=r"notes\.png is not a picture"):
        LoadImage().load_image("notes.png")
