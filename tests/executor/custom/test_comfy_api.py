"""What packs import of `comfy_api`, `comfy_config` and `comfy_execution`."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.executor.custom.modules.comfy_config_parser import extract_node_configuration
from services.executor.custom.modules.comfy_execution_validation import validate_node_input
from services.graph.events import ExecutionFailed, NodeProgress
from tests.executor.custom.bench import Prompt, shown
from tests.executor.custom.conftest import Load

IMPORTS = """
from comfy_api.input import AudioInput, ImageInput, LatentInput, MaskInput, VideoInput
from comfy_api.input.video_types import VideoInput as Again
from comfy_api.input_impl import VideoFromComponents, VideoFromFile
from comfy_api.input_impl.video_types import VideoCodec, VideoContainer, VideoFromFile as Same
from comfy_api.internal import ComfyAPIWithVersion, register_versions
from comfy_api.latest import ComfyAPI, Input, InputImpl, Types
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_api.util import VideoCodec, VideoComponents, VideoContainer
from comfy_api.version_list import supported_versions
from comfy_config import config_parser
from comfy_execution.graph import get_input_info
from comfy_execution.graph_utils import ExecutionBlocker, GraphBuilder
from comfy_extras.nodes_hunyuan3d import MESH, VOXEL
from comfy_extras.nodes_images import SVG, SaveSVGNode
import comfy_execution.graph

assert VideoInput is Again is Input.Video and VideoFromFile is Same is InputImpl.VideoFromFile
assert Types.VideoCodec is VideoCodec and VideoCodec.H264 == "h264" and VideoContainer.get_extension("auto") == "mp4"
assert VideoContainer.as_input() == ["auto", "mp4"] and issubclass(VideoFromComponents, VideoInput)
assert ExecutionBlocker is comfy_execution.graph.ExecutionBlocker
assert supported_versions[0] is ComfyAPI and all(issubclass(api, ComfyAPI) for api in supported_versions)
register_versions([ComfyAPIWithVersion(version="9.9.9", api_class=ComfyAPI)])
assert Types.MESH is MESH and Types.VOXEL is VOXEL
assert SVG.combine_all([]).data == []
assert get_input_info(SaveSVGNode, "svg") == ("SVG", "required", {})
assert get_input_info(SaveSVGNode, "filename_prefix")[2]["default"] == "svg/ComfyUI"
assert get_input_info(SaveSVGNode, "prompt") == ("PROMPT", "hidden", {})
assert get_input_info(SaveSVGNode, "gone") == (None, None, None)
NODE_CLASS_MAPPINGS = {}
"""

MAKING = """
from fractions import Fraction
import torch
from comfy_api.input import VideoInput
from comfy_api.input_impl import VideoFromComponents
from comfy_api.latest import ComfyExtension, io, ui
from comfy_api.torch_helpers import set_torch_compile_wrapper
from comfy_api.util import VideoComponents
from concurrent.futures import ThreadPoolExecutor
from comfy_execution.utils import CurrentNodeContext, get_executing_context
from comfy_execution.progress import get_progress_state
from comfy.utils import ProgressBar, set_progress_bar_global_hook
import nodes

class Make(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Make", outputs=[io.Video.Output()])

    @classmethod
    def execute(cls):
        components = VideoComponents(images=torch.zeros(3, 16, 16, 3), frame_rate=Fraction(5))
        return io.NodeOutput(VideoFromComponents(components))

class Look(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Look", inputs=[io.Video.Input("video")], is_output_node=True,
                         hidden=[io.Hidden.unique_id])

    @classmethod
    def execute(cls, video: VideoInput):
        nodes.before_node_execution()
        get_progress_state().update_progress(cls.hidden.unique_id, 2, 4)
        return io.NodeOutput(ui=ui.PreviewText(f"{video.get_dimensions()} {video.get_duration()}"))

class Hooked(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Hooked", is_output_node=True)

    @classmethod
    def execute(cls):
        heard = []
        set_progress_bar_global_hook(lambda value, total, preview, node_id: heard.append((value, total, preview)))
        try:
            ProgressBar(4).update(3)
        finally:
            set_progress_bar_global_hook(None)
        return io.NodeOutput(ui=ui.PreviewText(str(heard)))

class Threaded(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Threaded", is_output_node=True)

    @classmethod
    def execute(cls):
        here = get_executing_context()

        def work():
            assert get_executing_context() is None
            with CurrentNodeContext(here.prompt_id, here.node_id, here.list_index):
                ProgressBar(5).update(2)
                assert get_executing_context() == here
            assert get_executing_context() is None
            try:
                with CurrentNodeContext(here.prompt_id, "another"):
                    pass
            except ValueError as error:
                return str(error)

        with ThreadPoolExecutor(1) as pool:
            return io.NodeOutput(ui=ui.PreviewText(pool.submit(work).result()))

class Elsewhere(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Pack_Elsewhere", is_output_node=True)

    @classmethod
    def execute(cls):
        get_progress_state().update_progress("another", 1, 2)

class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Make, Look, Hooked, Threaded, Elsewhere]

def comfy_entrypoint():
    return Extension()
"""


def test_what_packs_import_is_there(load: Load) -> None:
    assert load(importing=IMPORTS).packs.loaded.failures == {}


def test_videos_of_packs_flow_into_our_own_nodes_and_back(load: Load) -> None:
    bench = load(making=MAKING)
    assert bench.packs.loaded.failures == {}
    saving = {"filename_prefix": "clip", "format": "auto", "codec": "auto"}
    (saved,) = shown(bench.run({"video": ("Pack_Make", {}), "out": ("SaveVideo", {"video": ["video", 0], **saving})}))[
        "images"
    ]
    assert (bench.shared / "output" / saved["filename"]).is_file()
    loaded: Prompt = {
        "video": ("LoadVideo", {"file": f"{saved['filename']} [output]"}),
        "out": ("Pack_Look", {"video": ["video", 0]}),
    }
    events = bench.run(loaded)
    assert shown(events) == {"text": ["(16, 16) 0.6"]}
    progress = [event for event in events if isinstance(event, NodeProgress) and event.node.node_id == "out"]
    assert [(event.value, event.maximum) for event in progress] == [(2, 4)]


def test_a_pack_may_hear_progress_in_place_of_clients(load: Load) -> None:
    events = load(making=MAKING).run({"out": ("Pack_Hooked", {})})
    assert shown(events) == {"text": ["[(3, 4, None)]"]}
    assert not [event for event in events if isinstance(event, NodeProgress)]


def test_a_node_may_report_from_a_thread_that_it_starts(load: Load) -> None:
    events = load(making=MAKING).run({"out": ("Pack_Threaded", {})})
    assert shown(events) == {"text": ["node another of prompt p does not run here"]}
    assert [(event.value, event.maximum) for event in events if isinstance(event, NodeProgress)] == [(2, 5)]


def test_a_node_makes_no_progress_for_another(load: Load) -> None:
    last = load(making=MAKING).run({"out": ("Pack_Elsewhere", {})})[-1]
    assert isinstance(last, ExecutionFailed)
    assert "node another does not run here" in last.exception_message


@pytest.mark.parametrize(
    ("received", "declared", "plain", "strict"),
    [
        ("IMAGE", "IMAGE", True, True),
        ("IMAGE", "IMAGE,MASK", True, True),
        ("IMAGE,MASK", "IMAGE", True, False),
        ("IMAGE, MASK", "MASK,IMAGE", True, True),
        ("IMAGE", "MASK", False, False),
        ("*", "MASK", True, True),
    ],
)
def test_types_fit_or_not(received: str, declared: str, plain: bool, strict: bool) -> None:
    assert validate_node_input(received, declared) is plain
    assert validate_node_input(received, declared, strict=True) is strict


PYPROJECT = """
[project]
name = "image-processor"
version = "1.2.3"
license = { text = "MIT License" }
dependencies = ["numpy"]
requires-python = ">=3.10"
[project.urls]
Repository = "https://example.com/pack"
[tool.comfy]
PublisherId = "someone"
DisplayName = "Image Processor"
requires-comfyui = ">=1.0.0"
includes = ["dist"]
web = "js"
"""


def test_a_pack_is_described_by_its_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    found = extract_node_configuration(str(tmp_path))
    assert found is not None
    assert (found.project.name, found.project.version, found.project.license) == (
        "image-processor",
        "1.2.3",
        "MIT License",
    )
    assert found.project.dependencies == ["numpy"]
    assert found.project.urls.repository == "https://example.com/pack"
    assert (found.tool_comfy.publisher_id, found.tool_comfy.display_name) == ("someone", "Image Processor")
    assert (found.tool_comfy.web, found.tool_comfy.includes) == ("js", ["dist"])


def test_a_pack_that_says_nothing_or_nonsense_of_itself_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert extract_node_configuration(tmp_path) is None
    assert extract_node_configuration(tmp_path / "module.py") is None
    assert caplog.text == ""
    (tmp_path / "pyproject.toml").write_text("[project]")
    empty = extract_node_configuration(tmp_path)
    assert empty is not None and empty.project.name == "" and empty.tool_comfy.web is None
    for nonsense in ("[project", "project = 5", "[project]\ndependencies = 5"):
        (tmp_path / "pyproject.toml").write_text(nonsense)
        assert extract_node_configuration(tmp_path) is None
    assert "pyproject.toml cannot be read" in caplog.text
