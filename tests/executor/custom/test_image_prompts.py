"""A pack that lets a model follow a picture as IP-Adapter does, through the engine.

Ye et al., "IP-Adapter", arXiv:2308.06721: attention to the prompt gets a second attention beside it, to the picture.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.executor.custom.bench import PackBench, shown
from tests.executor.custom.conftest import Load
from tests.executor.custom.test_model_packs import CHECKPOINT, SAME, prompt, sampler
from tests.executor.diffusion.golden import GOLDEN

ADAPTER = """
import torch
import comfy.model_management as model_management
from comfy.clip_vision import Output, clip_preprocess
from comfy.ldm.modules.attention import optimized_attention

TOKENS = 4

def linear(width_in, width_out, seed):
    generator = torch.Generator().manual_seed(seed)
    made = torch.nn.Linear(width_in, width_out, bias=False)
    made.weight = torch.nn.Parameter(torch.randn(width_out, width_in, generator=generator) / width_in**0.5)
    return made

def encode(clip_vision, image):
    model_management.load_model_gpu(clip_vision.patcher)
    pixels = clip_preprocess(image.to(clip_vision.load_device), clip_vision.image_size).float()
    out = clip_vision.model(pixel_values=pixels, intermediate_output=-2)
    output = Output()
    output["last_hidden_state"] = out[0].to(model_management.intermediate_device())
    output["image_embeds"] = out[2].to(model_management.intermediate_device())
    return output

class Attention:
    def __init__(self, weight, cond, uncond):
        self.weight, self.cond, self.uncond = weight, cond, uncond

    def __call__(self, q, k, v, extra_options):
        out = optimized_attention(q, k, v, extra_options["n_heads"])
        each = q.shape[0] // len(extra_options["cond_or_uncond"])
        sides = [(self.cond, self.uncond)[side] for side in extra_options["cond_or_uncond"]]
        tokens = torch.cat([side.repeat(each, 1, 1) for side in sides]).to(q)
        assert float(extra_options["sigmas"][0]) > 0 and len(extra_options["activations_shape"]) == 4
        width = q.shape[-1]
        keys, values = (linear(tokens.shape[-1], width, seed)(tokens) for seed in (1, 2))
        return out + optimized_attention(q, keys, values, extra_options["n_heads"]) * self.weight

class FollowPicture:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "follow"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "clip_vision": ("CLIP_VISION",), "image": ("IMAGE",),
                             "weight": ("FLOAT", {"default": 1.0})}}
    def follow(self, model, clip_vision, image, weight):
        embeds = encode(clip_vision, image)["image_embeds"]
        assert torch.allclose(embeds, clip_vision.encode_image(image).image_embeds)
        width = model.model.diffusion_model.input_blocks[1][1].transformer_blocks[0].attn2.to_k.in_features
        project = linear(embeds.shape[-1], width * TOKENS, 0)
        tokens = [project(each).reshape(len(each), TOKENS, width) for each in (embeds, torch.zeros_like(embeds))]
        model = model.clone()
        options = model.model_options["transformer_options"]
        replacements = dict(options.get("patches_replace", {}))
        attention = Attention(weight, *tokens)
        places = [("input", number) for number in range(12)] + [("output", number) for number in range(12)]
        replacements["attn2"] = {**replacements.get("attn2", {}), **{place: attention for place in places}}
        options["patches_replace"] = replacements
        return (model,)

NODE_CLASS_MAPPINGS = {"FollowPicture": FollowPicture}
"""


@pytest.fixture
def bench(load: Load, tmp_path: Path) -> PackBench:
    for kind, path in (
        ("checkpoints", CHECKPOINT),
        ("clip_vision", GOLDEN / "models" / "clip_vision" / "cv_small.safetensors"),
    ):
        (tmp_path / "models" / kind).mkdir(parents=True)
        shutil.copy(path, tmp_path / "models" / kind)
    made = load(adapter=ADAPTER, same=SAME)
    assert made.packs.loaded.failures == {}
    for name in ("img_a.png", "img_b.png"):
        shutil.copy(GOLDEN / "input" / name, made.shared / "input")
    return made


def followed(bench: PackBench, one: tuple[str, float], other: tuple[str, float], tolerance: float = 1e-5) -> bool:
    """Whether following a picture by a weight is following another by another one."""
    nodes: dict[str, Any] = {"vision": ("CLIPVisionLoader", {"clip_name": "cv_small.safetensors"})}
    for name, (picture, weight) in (("first", one), ("second", other)):
        nodes[f"{name}_picture"] = ("LoadImage", {"image": picture})
        links = {"model": ["file", 0], "clip_vision": ["vision", 0], "image": [f"{name}_picture", 0]}
        nodes[name] = ("FollowPicture", {"weight": weight, **links})
    graph = prompt(sampler("first"), sampler("second"), **nodes)
    graph["out"][1]["tolerance"] = tolerance
    (same,) = shown(bench.run(graph))["same"]
    return bool(same)


def test_a_pack_lets_a_model_follow_a_picture(bench: PackBench) -> None:
    assert followed(bench, ("img_a.png", 0.8), ("img_a.png", 0.8))
    assert not followed(bench, ("img_a.png", 0.8), ("img_b.png", 0.8), tolerance=1e-3)
    assert not followed(bench, ("img_a.png", 0.8), ("img_a.png", 0.0), tolerance=1e-3)
    assert followed(bench, ("img_a.png", 0.0), ("img_b.png", 0.0))
