"""`comfy_api.latest.ui`."""

from __future__ import annotations

from PIL import Image

from tests.executor.custom.bench import shown
from tests.executor.custom.conftest import Load

EXTENSION = """
import torch
from comfy_api.latest import IO, UI, ComfyExtension, io, ui
from comfy_extras.nodes_mask import composite

SOUND = {"waveform": torch.zeros(2, 1, 4000), "sample_rate": 8000}
PICTURES = torch.rand(3, 8, 8, 3)

class Show(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        ways = ["apng", "webp", "pictures", "preview", "sound", "saved sound", "model"]
        return io.Schema(node_id="Pack_Show", inputs=[io.Combo.Input("way", options=ways)], is_output_node=True)

    @classmethod
    def execute(cls, way):
        save, sound = ui.ImageSaveHelper, ui.AudioSaveHelper
        return io.NodeOutput(ui={
            "apng": lambda: save.get_save_animated_png_ui(PICTURES, "a", cls, fps=4.0),
            "webp": lambda: save.get_save_animated_webp_ui(PICTURES, "b", cls, 4.0, True, 80, 0),
            "pictures": lambda: save.get_save_images_ui(PICTURES, "c", cls),
            "preview": lambda: ui.PreviewImage(PICTURES, cls=cls),
            "sound": lambda: ui.PreviewAudio(SOUND, cls=cls),
            "saved sound": lambda: sound.get_save_audio_ui(SOUND, "deep/d", cls, format="mp3", quality="V0"),
            "model": lambda: UI.PreviewUI3D("mesh/cat.glb", {"zoom": 2}),
        }[way]())

class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Show]

def comfy_entrypoint():
    assert IO.ComfyNode is io.ComfyNode
    pasted = composite(torch.zeros(1, 4, 4, 4), torch.ones(1, 4, 2, 2), 16, 8)
    assert pasted[0, 0].sum() == 4 and pasted[0, 0, 1:3, 2:].all()
    return Extension()
"""


def test_animations_are_saved_with_the_workflow_inside(load: Load) -> None:
    bench = load(extension=EXTENSION)
    assert bench.packs.loaded.failures == {}
    apng = shown(bench.run({"out": ("Pack_Show", {"way": "apng"})}))
    assert apng == {"images": [{"filename": "a_00001_.png", "subfolder": "", "type": "output"}], "animated": [True]}
    webp = shown(bench.run({"out": ("Pack_Show", {"way": "webp"})}))
    assert webp == {"images": [{"filename": "b_00001_.webp", "subfolder": "", "type": "output"}], "animated": [True]}
    with Image.open(bench.shared / "output/b_00001_.webp") as picture:
        assert getattr(picture, "n_frames", 1) == 3
        assert picture.getexif()[0x0110].startswith('prompt:{"out"')
    assert b'prompt\0{"out"' in (bench.shared / "output/a_00001_.png").read_bytes()


def test_pictures_and_previews_are_one_file_each(load: Load) -> None:
    bench = load(extension=EXTENSION)
    saved = shown(bench.run({"out": ("Pack_Show", {"way": "pictures"})}))
    assert [image["filename"] for image in saved["images"]] == [f"c_0000{number}_.png" for number in (1, 2, 3)]
    preview = shown(bench.run({"out": ("Pack_Show", {"way": "preview"})}))
    assert {image["type"] for image in preview["images"]} == {"temp"}
    assert preview["animated"] == [False]


def test_sounds_are_played_and_kept(load: Load) -> None:
    bench = load(extension=EXTENSION)
    played = shown(bench.run({"out": ("Pack_Show", {"way": "sound"})}))["audio"]
    assert [(sound["type"], sound["filename"][-5:]) for sound in played] == [("temp", ".flac")] * 2
    kept = shown(bench.run({"out": ("Pack_Show", {"way": "saved sound"})}))["audio"]
    assert kept == [{"filename": f"d_0000{number}_.mp3", "subfolder": "deep", "type": "output"} for number in (1, 2)]
    assert all((bench.shared / sound["type"] / sound["subfolder"] / sound["filename"]).is_file() for sound in kept)


def test_a_model_is_shown_by_its_name(load: Load) -> None:
    events = load(extension=EXTENSION).run({"out": ("Pack_Show", {"way": "model"})})
    assert shown(events) == {"result": ["mesh/cat.glb", {"zoom": 2}]}
