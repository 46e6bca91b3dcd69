"""Packs that enlarge pictures with an upscaler themselves, as packs for very large pictures do."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.executor.custom.bench import Prompt, shown
from tests.executor.custom.conftest import Load
from tests.executor.custom.test_model_packs import SAME
from tests.executor.diffusion.golden import GOLDEN

UPSCALER = GOLDEN / "models" / "upscale_models" / "esrgan_small.safetensors"

ENLARGING = """
import torch
import comfy.utils
import comfy.model_management as management
from comfy_extras import nodes_upscale_model

class Enlarge:
    RETURN_TYPES = ("IMAGE", "IMAGE")
    FUNCTION = "enlarge"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"upscale_model": ("UPSCALE_MODEL",), "image": ("IMAGE",)}}

    def enlarge(self, upscale_model, image):
        device = management.get_torch_device()
        upscale_model.to(device).eval()
        pixels = image.movedim(-1, -3).to(device)
        assert (upscale_model.scale, upscale_model.input_channels) == (4, 3)
        assert upscale_model.architecture.id == "ESRGAN" and upscale_model.supports_half
        assert next(upscale_model.model.parameters()).dtype == upscale_model.dtype
        assert upscale_model.size_requirements.get_padding(7, 9) == (0, 0)
        steps = comfy.utils.get_tiled_scale_steps(pixels.shape[3], pixels.shape[2], tile_x=64, tile_y=64, overlap=8)
        enlarged = comfy.utils.tiled_scale(
            pixels, lambda tile: upscale_model(tile), tile_x=64, tile_y=64, overlap=8,
            upscale_amount=upscale_model.scale, pbar=comfy.utils.ProgressBar(steps))
        upscale_model.cpu()
        by_node = nodes_upscale_model.ImageUpscaleWithModel().upscale(upscale_model, image)[0]
        return enlarged.movedim(-3, -1).clamp(0, 1), by_node

NODE_CLASS_MAPPINGS = {"Enlarge": Enlarge}
"""


def test_a_pack_enlarges_as_the_node_does(load: Load, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "upscale_models"
    folder.mkdir(parents=True)
    shutil.copy(UPSCALER, folder)
    bench = load(enlarging=ENLARGING, same=SAME)
    assert bench.packs.loaded.failures == {}
    prompt: Prompt = {
        "picture": ("EmptyImage", {"width": 20, "height": 12, "batch_size": 1, "color": 0x2040E0}),
        "file": ("UpscaleModelLoader", {"model_name": UPSCALER.name}),
        "pack": ("Enlarge", {"upscale_model": ["file", 0], "image": ["picture", 0]}),
        "node": ("ImageUpscaleWithModel", {"upscale_model": ["file", 0], "image": ["picture", 0]}),
        "out": ("Same", {"one": ["pack", 0], "other": ["node", 0], "tolerance": 1e-5}),
        "too": ("Same", {"one": ["pack", 1], "other": ["node", 0], "tolerance": 1e-5}),
    }
    events = bench.run(prompt, ("out", "too"))
    assert shown(events, "out")["same"] == shown(events, "too")["same"] == [True]
