"""Nodes between videos, pictures and files."""

from __future__ import annotations

import io
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.errors import InvalidArgument, NotFound
from services.executor.nodes import limits
from services.executor.nodes.video.components import Audio, VideoComponents
from services.executor.nodes.video.interface import Video
from services.executor.nodes.video.sources import VideoFromComponents, VideoFromFile
from services.executor.nodes.videos import CreateVideo, GetVideoComponents, LoadVideo, SaveVideo
from tests.executor.nodes.conftest import Surroundings

PROMPT = {"1": {"class_type": "CreateVideo", "inputs": {"text": "é"}}}
RATE = 22050

#: Ten frames of growing red.
FRAMES = torch.zeros(10, 32, 48, 3)
FRAMES[..., 0] = torch.linspace(0, 1, 10).reshape(10, 1, 1)


def tone(seconds: float, channels: int = 2) -> Audio:
    times = torch.arange(int(seconds * RATE)) / RATE
    return {"waveform": (440 * 2 * torch.pi * times).sin().repeat(1, channels, 1) / 2, "sample_rate": RATE}


def made(images: Tensor = FRAMES, fps: float = 10.0, audio: Audio | None = None) -> Video:
    return CreateVideo().execute(images, fps, audio)[0]


def file_of(video: Video, **options: Any) -> VideoFromFile:
    buffer = io.BytesIO()
    video.save_to(buffer, **options)
    return VideoFromFile(io.BytesIO(buffer.getvalue()))


def save(video: Video, prefix: str = "video/clip", **options: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = {"format": "auto", "codec": "auto"} | options
    answer: dict[str, Any] = SaveVideo().execute(video, prefix, **chosen)["ui"]
    return answer


def test_a_video_of_pictures_gives_them_back_as_they_are() -> None:
    images, audio, fps = GetVideoComponents().execute(made(fps=23.976))
    assert images is FRAMES
    assert audio is None
    assert fps == 23.976
    video = made(fps=23.976)
    assert video.get_frame_rate() == Fraction(23976, 1000)
    assert video.get_dimensions() == (48, 32)
    assert made().get_duration() == 1.0


def test_a_saved_video_can_be_loaded_again(surroundings: Surroundings) -> None:
    shown = save(made(audio=tone(1.0)), "video/%width%x%height%")
    assert shown == {
        "images": [{"filename": "48x32_00001_.mp4", "subfolder": "video", "type": "output"}],
        "animated": (True,),
    }
    assert save(made(), "video/%width%x%height%")["images"][0]["filename"] == "48x32_00002_.mp4"
    name = "video/48x32_00001_.mp4 [output]"
    assert LoadVideo.VALIDATE_INPUTS(name) is True
    (video,) = LoadVideo().execute(name)
    assert video.get_dimensions() == (48, 32)
    assert video.get_frame_count() == 10
    assert video.get_duration() == pytest.approx(1.0, abs=0.1)
    assert "mp4" in video.get_container_format()
    images, audio, fps = GetVideoComponents().execute(video)
    assert fps == 10.0
    torch.testing.assert_close(images, FRAMES, atol=0.03, rtol=0)
    assert audio is not None
    assert audio["sample_rate"] == RATE
    assert audio["waveform"].shape[:2] == (1, 2)
    assert audio["waveform"].shape[2] == pytest.approx(RATE, abs=2048)
    middle = slice(RATE // 4, RATE // 2)
    torch.testing.assert_close(audio["waveform"][..., middle], tone(1.0)["waveform"][..., middle], atol=0.05, rtol=0)


def test_the_workflow_is_in_the_file(surroundings: Surroundings) -> None:
    SaveVideo().execute(made(), "clip", "mp4", "h264", prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}})
    saved = VideoFromFile(surroundings.folder / "output/clip_00001_.mp4").get_components().metadata
    assert saved is not None
    assert json.loads(saved["prompt"]) == PROMPT
    assert json.loads(saved["workflow"]) == {"nodes": []}


def test_the_sound_ends_with_the_pictures_and_a_silent_video_has_none() -> None:
    audio = file_of(made(audio=tone(5.0, channels=1))).get_components().audio
    assert audio is not None
    assert audio["waveform"].shape[:2] == (1, 1)
    assert audio["waveform"].shape[2] <= RATE + 2048
    assert file_of(made()).get_components().audio is None


def test_what_an_mp4_can_hold_is_copied_and_keeps_its_texts() -> None:
    first = file_of(made(audio=tone(1.0)), metadata={"prompt": PROMPT})
    second = file_of(first, metadata={"more": "yes"})
    one, other = first.get_components(), second.get_components()
    assert torch.equal(one.images, other.images), "not a second time compressed"
    assert one.audio is not None and other.audio is not None
    assert other.metadata is not None
    assert json.loads(other.metadata["prompt"]) == PROMPT
    assert other.metadata["more"] == "yes"


def test_the_alpha_channel_is_left_out() -> None:
    video = file_of(made(torch.cat((FRAMES, torch.rand(10, 32, 48, 1)), dim=-1)))
    torch.testing.assert_close(video.get_components().images, FRAMES, atol=0.03, rtol=0)


def test_another_file_under_the_same_name_is_another_result(surroundings: Surroundings) -> None:
    path = surroundings.folder / "input/clip.mp4"
    made().save_to(str(path))
    before = LoadVideo.IS_CHANGED("clip.mp4")
    (video,) = LoadVideo().execute("clip.mp4")
    made(FRAMES[:5]).save_to(str(path))
    assert LoadVideo.IS_CHANGED("clip.mp4") != before
    assert video.get_frame_count() == 5


def test_missing_and_hostile_names_are_refused(surroundings: Surroundings) -> None:
    assert LoadVideo.VALIDATE_INPUTS("gone.mp4") == "Invalid video file: gone.mp4"
    assert LoadVideo.VALIDATE_INPUTS("../../etc/passwd") == "Invalid video file: ../../etc/passwd"
    with pytest.raises(NotFound):
        LoadVideo().execute("gone.mp4")
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        save(made(), "../evil")


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\0" * 1000])
def test_what_is_no_video_is_named(surroundings: Surroundings, content: bytes) -> None:
    (surroundings.folder / "input/notes.mp4").write_bytes(content)
    with pytest.raises(ValueError, match=r"^notes\.mp4 is no video of a known format, or damaged"):
        LoadVideo().execute("notes.mp4")


def test_a_playlist_opens_no_other_file(surroundings: Surroundings) -> None:
    folder = surroundings.folder / "input"
    made().save_to(str(folder / "secret.mp4"))
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile 'secret.mp4'\n")
    with pytest.raises(ValueError, match=r"^list\.mp4 is no video of a known format"):
        LoadVideo().execute("list.mp4")


def test_a_damaged_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    made().save_to(str(path))
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"^cut is no video of a known format, or damaged"):
        VideoFromFile(path, "cut").get_components()


def test_a_video_that_could_not_be_held_is_refused_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    video = file_of(made())
    monkeypatch.setattr(limits, "largest_result", lambda: 5 * 32 * 48 * 3 * 4)
    with pytest.raises(ValueError, match="^video: 6 x 32 x 48 x 3 values take"):
        video.get_components()


def surround(channels: int) -> Video:
    return made(audio={"waveform": torch.zeros(1, channels, RATE), "sample_rate": RATE})


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (lambda: made(FRAMES[:0]), "^images: the batch is empty"),
        (lambda: made(FRAMES[:, :31]), "^video: H.264 needs even sides, the pictures have 48 x 31 pixels"),
        (lambda: made(FRAMES[..., :1]), "^images: expected"),
        (lambda: surround(5), "^audio: 5 channels cannot be written"),
        (lambda: made(audio={**tone(1.0), "sample_rate": 1234}), "^video: the encoder cannot write this"),
    ],
)
def test_what_cannot_be_written_is_named(video: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        file_of(video())


def test_unknown_options_are_named(surroundings: Surroundings) -> None:
    with pytest.raises(ValueError, match="^fps: "):
        made(fps=0.0)
    with pytest.raises(ValueError, match="^format: 'avi' is not one of auto, mp4"):
        save(made(), format="avi")
    with pytest.raises(ValueError, match="^codec: 'vp8' is not one of auto, h264"):
        save(made(), codec="vp8")


def test_a_video_without_the_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"silverprint\[video\]"):
        file_of(made())
    with pytest.raises(ValueError, match=r"silverprint\[video\]"):
        VideoFromFile(io.BytesIO()).get_components()
    assert GetVideoComponents().execute(made())[2] == 10.0, "which needs no library"


def test_texts_of_the_components_are_written_as_well() -> None:
    components = VideoComponents(FRAMES, Fraction(10), metadata={"artist": "someone"})
    metadata = file_of(VideoFromComponents(components)).get_components().metadata
    assert metadata is not None and metadata["artist"] == "someone"
