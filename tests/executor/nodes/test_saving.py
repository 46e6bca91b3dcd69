"""Nodes that store pictures."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from services.errors import InvalidArgument
from services.executor.nodes.saving import PreviewImage, SaveImage
from services.executor.nodes.websocket_saving import SaveImageWebsocket
from tests.executor.nodes.conftest import Surroundings

PROMPT = {"9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "é"}, "_meta": {"title": "My Title"}}}
RED = torch.tensor([1.0, 0.0, 0.0]).expand(1, 10, 20, 3)


def chunks_of(path: Path) -> list[tuple[str, bytes]]:
    data, chunks = path.read_bytes(), []
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunks.append((kind.decode(), data[position + 8 : position + 8 + length]))
        position += 12 + length
    return chunks


def images_of(answer: dict[str, Any]) -> list[dict[str, str]]:
    images: list[dict[str, str]] = answer["ui"]["images"]
    return images


def test_a_batch_is_numbered_and_reported_in_order(surroundings: Surroundings) -> None:
    images = images_of(SaveImage().save_images(RED.expand(3, 10, 20, 3), "deep/nm"))
    assert images == [
        {"filename": f"nm_{number:05}_.png", "subfolder": "deep", "type": "output"} for number in (1, 2, 3)
    ]
    with Image.open(surroundings.folder / "output/deep/nm_00002_.png") as picture:
        assert (picture.mode, picture.size, picture.getpixel((19, 9))) == ("RGB", (20, 10), (255, 0, 0))


def test_the_workflow_is_in_the_picture_as_comfyui_writes_it(surroundings: Surroundings) -> None:
    SaveImage().save_images(RED, "meta", PROMPT, {"workflow": {"nodes": []}, "other": [1, None]})
    chunks = chunks_of(surroundings.folder / "output/meta_00001_.png")
    assert [kind for kind, _ in chunks] == ["IHDR", "tEXt", "tEXt", "tEXt", "IDAT", "IEND"]
    assert [data.decode("ascii") for kind, data in chunks if kind == "tEXt"] == [
        f"prompt\0{json.dumps(PROMPT)}",
        'workflow\0{"nodes": []}',
        "other\0[1, null]",
    ]


@pytest.mark.parametrize("key", ["", "k" * 80, "schlüssel", "a\0b"])
def test_a_key_that_png_cannot_hold_does_not_cost_the_picture(key: str, surroundings: Surroundings) -> None:
    SaveImage().save_images(RED, "meta", None, {key: 1, "good": 2})
    kinds = [kind for kind, _ in chunks_of(surroundings.folder / "output/meta_00001_.png")]
    assert kinds == ["IHDR", "tEXt", "IDAT", "IEND"]


def test_values_outside_of_the_range_are_clipped(surroundings: Surroundings) -> None:
    SaveImage().save_images(torch.tensor([-5.0, 0.5, 7.0]).expand(1, 2, 2, 3), "clip")
    with Image.open(surroundings.folder / "output/clip_00001_.png") as picture:
        assert picture.getpixel((0, 0)) == (0, 127, 255)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_pictures_of_one_three_and_four_channels_can_be_saved(
    channels: int, mode: str, surroundings: Surroundings
) -> None:
    SaveImage().save_images(torch.full((1, 2, 2, channels), 0.5), "mode")
    with Image.open(surroundings.folder / "output/mode_00001_.png") as picture:
        assert picture.mode == mode


@pytest.mark.parametrize("width", [1, 5])
def test_a_mask_is_saved_as_a_grey_picture(width: int, surroundings: Surroundings) -> None:
    SaveImage().save_images(torch.full((1, 3, width), 0.5), "mask")
    with Image.open(surroundings.folder / "output/mask_00001_.png") as picture:
        assert (picture.mode, picture.size) == ("L", (width, 3))


def test_what_is_no_number_is_black_and_the_log_names_the_node(
    surroundings: Surroundings, caplog: pytest.LogCaptureFixture
) -> None:
    images = torch.ones(1, 2, 2, 3)
    images[0, 0, 0] = torch.nan
    SaveImage().save_images(images, "nan")
    with Image.open(surroundings.folder / "output/nan_00001_.png") as picture:
        assert (picture.getpixel((0, 0)), picture.getpixel((1, 1))) == ((0, 0, 0), (255, 255, 255))
    assert "prompt p, node 7: 25 % of the pictures' values are not numbers (NaN)" in caplog.text


@pytest.mark.parametrize("node", [SaveImage(), PreviewImage(), SaveImageWebsocket()])
@pytest.mark.parametrize(
    ("images", "fault"),
    [
        ([[1.0]], "list"),
        (None, "NoneType"),
        (torch.ones(1, 2, 2, 5), r"shape \(1, 2, 2, 5\)"),
        (torch.ones(1, 0, 2, 3), r"shape \(1, 0, 2, 3\)"),
        (torch.ones(2, 3), r"shape \(2, 3\)"),
        (torch.ones(1, 2, 2, 3, device="meta"), "without data"),
        (torch.ones(1, 2, 2, 3, dtype=torch.complex64), "complex"),
        (torch.ones(1, 2, 2, 3).to_sparse(), "sparse"),
    ],
)
def test_what_is_no_picture_is_refused_by_the_name_of_the_input(
    node: Any, images: Any, fault: str, surroundings: Surroundings
) -> None:
    with pytest.raises(ValueError, match=f"^images: .*{fault}"):
        node.save_images(images)
    assert not list(surroundings.folder.rglob("*.png"))


def test_the_batch_number_never_overwrites(surroundings: Surroundings) -> None:
    first = images_of(SaveImage().save_images(RED.expand(2, 10, 20, 3), "bn_%batch_num%"))
    second = images_of(SaveImage().save_images(RED.expand(2, 10, 20, 3), "bn_%batch_num%"))
    names = [image["filename"] for image in (*first, *second)]
    assert names == ["bn_0_00001_.png", "bn_1_00001_.png", "bn_0_00002_.png", "bn_1_00002_.png"]


def test_a_prefix_cannot_lead_out_of_the_output_folder(surroundings: Surroundings) -> None:
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        SaveImage().save_images(RED, "../evil")
    assert not list(surroundings.folder.rglob("*.png"))


def test_a_preview_is_temporary_and_every_node_has_letters_of_its_own(surroundings: Surroundings) -> None:
    node = PreviewImage()
    (first,), (second,) = images_of(node.save_images(RED)), images_of(node.save_images(RED))
    assert first["type"] == "temp"
    assert re.fullmatch(r"ComfyUI_temp_[a-vx-z]{5}_00001_\.png", first["filename"])
    assert second["filename"] == first["filename"].replace("00001", "00002")
    other = images_of(PreviewImage().save_images(RED))[0]
    assert other["filename"][:18] != first["filename"][:18]
