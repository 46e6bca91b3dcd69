"""The node that stores pictures as a WebM video."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from services.errors import InvalidArgument
from services.executor.nodes.video.sources import VideoFromFile
from services.executor.nodes.webm import SaveWEBM
from tests.executor.nodes.conftest import Surroundings

PROMPT = {"1": {"class_type": "SaveWEBM", "inputs": {}}}
FRAMES = torch.linspace(0, 1, 4).reshape(4, 1, 1, 1).expand(4, 64, 96, 3)


def save(images: Tensor = FRAMES, codec: str = "vp9", crf: float = 10.0, prefix: str = "clip", **more: Any) -> Any:
    return SaveWEBM().execute(images, codec, more.pop("fps", 8.0), prefix, crf, **more)["ui"]


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_pictures_become_a_video(surroundings: Surroundings, codec: str) -> None:
    assert save(codec=codec, prefix="deep/clip") == {
        "images": [{"filename": "clip_00001_.webm", "subfolder": "deep", "type": "output"}],
        "animated": (True,),
    }
    video = VideoFromFile(surroundings.folder / "output/deep/clip_00001_.webm")
    assert "webm" in video.get_container_format()
    found = video.get_components()
    assert found.frame_rate == 8
    torch.testing.assert_close(found.images, FRAMES, atol=0.03, rtol=0)


def test_the_workflow_is_in_the_file(surroundings: Surroundings) -> None:
    save(prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}})
    metadata = VideoFromFile(surroundings.folder / "output/clip_00001_.webm").get_components().metadata
    assert metadata is not None
    texts = {key.lower(): value for key, value in metadata.items()}
    assert json.loads(texts["prompt"]) == PROMPT
    assert json.loads(texts["workflow"]) == {"nodes": []}


def test_a_higher_crf_makes_a_smaller_file(surroundings: Surroundings) -> None:
    noise = torch.rand(4, 64, 96, 3, generator=torch.Generator().manual_seed(0))
    save(noise, crf=0.0, prefix="fine")
    save(noise, crf=63.0, prefix="rough")
    folder = surroundings.folder / "output"
    assert (folder / "rough_00001_.webm").stat().st_size < (folder / "fine_00001_.webm").stat().st_size / 2


def test_a_saved_webm_becomes_an_mp4_as_it_is(surroundings: Surroundings) -> None:
    save()
    webm = VideoFromFile(surroundings.folder / "output/clip_00001_.webm")
    copied, encoded = surroundings.folder / "copied.mp4", surroundings.folder / "encoded.mp4"
    webm.save_to(str(copied))
    webm.save_to(str(encoded), codec="h264")
    assert torch.equal(VideoFromFile(copied).get_components().images, webm.get_components().images)
    torch.testing.assert_close(VideoFromFile(encoded).get_components().images, FRAMES, atol=0.05, rtol=0)
    assert VideoFromFile(encoded).get_frame_count() == VideoFromFile(copied).get_frame_count() == 4


def test_what_cannot_be_stored_is_named(surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="^codec: 'h264' is not one of vp9, av1"):
        save(codec="h264")
    with pytest.raises(ValueError, match="^fps: "):
        save(fps=0.0)
    with pytest.raises(ValueError, match="^images: the batch is empty"):
        save(FRAMES[:0])
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        save(prefix="../evil")
    assert not list(surroundings.folder.rglob("*.webm"))
