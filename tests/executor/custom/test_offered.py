"""The modules that packs import: there for packs alone, and plain about what is missing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from services.executor.custom.offered import MODULES
from tests.executor.custom.conftest import Load

SERVICES = Path(__file__).resolve().parents[3] / "services"
TOP_LEVEL = {name.partition(".")[0] for name in MODULES}

#: What ComfyUI's own testing pack and its shipped custom node import.
TESTING_PACK = """
import torch, time, re, asyncio
from comfy.utils import ProgressBar
from comfy.comfy_types import IO, ComfyNodeABC, InputTypeDict
from comfy.comfy_types.node_typing import ComfyNodeABC as Again
from comfy_execution.graph_utils import GraphBuilder, is_link
from comfy_execution.graph import ExecutionBlocker
from comfy_api.v0_0_2 import ComfyAPI, ComfyAPISync
import comfy.utils

api, api_sync = ComfyAPI(), ComfyAPISync()
assert IO.ANY == "*" and is_link(["1", 0]) and not is_link("1")
NODE_CLASS_MAPPINGS = {}
"""


def test_nothing_of_ours_imports_what_is_offered_to_packs() -> None:
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.partition(".")[0] in TOP_LEVEL], path


def test_only_the_packs_own_code_imports_the_implementations() -> None:
    for path in SERVICES.rglob("*.py"):
        if "custom" not in path.parts:
            assert "custom.modules" not in path.read_text(), path


def test_a_worker_without_packs_has_none_of_it() -> None:
    program = "import sys, services.executor.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not set(done.stdout.split()) & set(MODULES)


def test_what_the_testing_pack_imports_is_there(load: Load) -> None:
    assert load(testing=TESTING_PACK).packs.loaded.failures == {}


def test_they_are_gone_when_they_are_withdrawn(load: Load, tmp_path: Path) -> None:
    load()
    assert "comfy.utils" in sys.modules
    from services.executor.custom.offered import withdraw

    withdraw()
    assert not set(MODULES) & set(sys.modules)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from comfy.utils import bring_me_the_moon", "bring_me_the_moon"),
        ("import comfy.utils; comfy.utils.bring_me_the_moon", "comfy.utils.bring_me_the_moon"),
        ("import comfy.moon.landing", "comfy.moon"),
        ("import comfy.hooks; comfy.hooks.TransformerOptionsHook", "comfy.hooks.TransformerOptionsHook"),
        ("from comfy.controlnet import load_controlnet_mmdit", "load_controlnet_mmdit"),
        ("from nodes import NodeOfTomorrow", "NodeOfTomorrow"),
        ("from comfy_api.latest import io; io.DynamicSlot", "DynamicSlot"),
    ],
)
def test_what_is_missing_is_named_and_said_to_be_missing_here(load: Load, line: str, what: str) -> None:
    (failure,) = load(wanting=f"{line}\nNODE_CLASS_MAPPINGS = {{}}\n").packs.loaded.failures.values()
    assert what in failure
    assert "this platform does not offer" in failure


def test_a_pack_may_ask_whether_something_is_there(load: Load) -> None:
    source = """
import comfy.model_management
assert not hasattr(comfy.model_management, "bring_me_the_moon")
try:
    import comfy.moon
except ImportError:
    NODE_CLASS_MAPPINGS = {}
"""
    assert load(careful=source).packs.loaded.failures == {}


def test_what_a_pack_changes_stays_in_what_packs_see(load: Load) -> None:
    from services.executor.custom.modules import comfy_utils

    load(vandal="import comfy.utils\ncomfy.utils.common_upscale = None\nNODE_CLASS_MAPPINGS = {}\n")
    assert sys.modules["comfy.utils"].common_upscale is None
    assert comfy_utils.common_upscale is not None


def test_nodes_of_ours_are_found_in_the_modules_they_belong_to(load: Load) -> None:
    source = (
        "import comfy_extras.nodes_mask as m\nfrom comfy_extras.nodes_mask import GrowMask\nNODE_CLASS_MAPPINGS = {}\n"
    )
    assert load(borrowing=source).packs.loaded.failures == {}


def test_modules_of_nodes_that_are_not_here_are_refused(load: Load) -> None:
    source = "import comfy_extras.nodes_of_tomorrow\nNODE_CLASS_MAPPINGS = {}\n"
    (failure,) = load(wanting=source).packs.loaded.failures.values()
    assert "this platform does not offer the module comfy_extras.nodes_of_tomorrow" in failure
