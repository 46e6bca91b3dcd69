"""Packs that change models, encode prompts and sample themselves, through the engine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.executor.custom.bench import PackBench, Prompt, shown
from tests.executor.custom.conftest import Load
from tests.executor.diffusion.golden import GOLDEN

CHECKPOINT = GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors"

#: Shows whether two values are the same, and what they are called.
SAME = """
import torch

def equal(one, other, tolerance):
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and float((one - other).abs().max()) <= tolerance * float(one.abs().max())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key], tolerance) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(equal(*pair, tolerance) for pair in zip(one, other))
    return one == other

class Same:
    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"one": ("*",), "other": ("*",), "tolerance": ("FLOAT", {"default": 0.0})}}
    def show(self, one, other, tolerance):
        return {"ui": {"same": [equal(one, other, tolerance)]}}

NODE_CLASS_MAPPINGS = {"Same": Same}
"""

PATCHING = """
import torch
import comfy.model_patcher
import comfy.model_sampling
import comfy.samplers
import comfy.patcher_extension
import comfy.model_base
from comfy.ldm.modules.attention import BasicTransformerBlock, optimized_attention

class OnModel:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "patch"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",)}}

class DoubleCfg(OnModel):
    def patch(self, model):
        assert isinstance(model, comfy.model_patcher.ModelPatcher)
        m = model.clone()
        def cfg(args):
            return args["uncond"] + (args["cond"] - args["uncond"]) * args["cond_scale"] * 2
        m.set_model_sampler_cfg_function(cfg)
        return (m,)

class OwnAttention(OnModel):
    def patch(self, model):
        m = model.clone()
        def attention(q, k, v, extra_options):
            return optimized_attention(q, k, v, extra_options["n_heads"])
        for name, number in (("input", 1), ("middle", 0), ("output", 3)):
            m.set_model_attn1_replace(attention, name, number)
        return (m,)

class EveryBlock(OnModel):
    # finds the transformers by their names in the network, and replaces the attention of each at that place
    def patch(self, model):
        m = model.clone()
        inner = m.model
        assert isinstance(inner, comfy.model_base.BaseModel) and not isinstance(inner, comfy.model_base.SDXL)
        dtype = inner.manual_cast_dtype or inner.get_dtype()
        asked = []
        for name, module in inner.diffusion_model.named_modules():
            if not isinstance(module, BasicTransformerBlock):
                continue
            stage, number, *_, depth = name.split(".")
            stage = stage.split("_")[0]
            number = 0 if stage == "middle" else int(number)
            width = module.attn2.to_k.in_features
            own_keys = module.attn2.to_k(torch.zeros(1, 77, width, dtype=dtype))

            def attend(q, k, v, extra_options, place=(stage, number), own_keys=own_keys):
                asked.append(place)
                assert extra_options["block"] == place
                assert q.dtype == own_keys.dtype and k.shape[2] == own_keys.shape[2]
                return optimized_attention(q, k, v, extra_options["n_heads"], None)

            m.set_model_attn2_replace(attend, stage, number, int(depth))
        m.set_model_sampler_post_cfg_function(lambda args: args["denoised"] if asked else args["denoised"] * 0)
        return (m,)

class SkipAttention(OnModel):
    def patch(self, model):
        m = model.clone()
        def post_cfg(args):
            options = args["model_options"].copy()
            options = comfy.model_patcher.set_model_options_patch_replace(
                options, lambda q, k, v, extra_options: v, "attn1", "middle", 0)
            model, x, sigma = args["model"], args["input"], args["sigma"]
            (weak,) = comfy.samplers.calc_cond_batch(model, [args["cond"]], x, sigma, options)
            return args["denoised"] + (args["cond_denoised"] - weak) * self.scale
        m.set_model_sampler_post_cfg_function(post_cfg)
        return (m,)

class SkipAttentionByNothing(SkipAttention):
    scale = 0.0

class SkipAttentionByALot(SkipAttention):
    scale = 30.0

class ZeroTerminal(OnModel):
    def patch(self, model):
        class ModelSamplingAdvanced(comfy.model_sampling.ModelSamplingDiscrete, comfy.model_sampling.EPS):
            pass
        m = model.clone()
        m.add_object_patch("model_sampling", ModelSamplingAdvanced(model.model.model_config, zsnr=False))
        return (m,)

class Halved(OnModel):
    def patch(self, model):
        m = model.clone()
        def halve(executor, *args, **kwargs):
            return executor(*args, **kwargs) * 0.5
        m.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.OUTER_SAMPLE, "halved", halve)
        return (m,)

class MarginalWeights(OnModel):
    def patch(self, model):
        m, other = model.clone(), model
        for k, v in other.get_key_patches("diffusion_model.").items():
            m.add_patches({k: v}, 0.0, 1.0)
        return (m,)

class Encode:
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"clip": ("CLIP",), "text": ("STRING",)}}
    def encode(self, clip, text):
        tokens = clip.tokenize(text)
        assert set(tokens) == {"l"} and len(tokens["l"][0]) == 77
        return (clip.encode_from_tokens_scheduled(tokens),)

class Sample:
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"model": ("MODEL",), "positive": ("CONDITIONING",), "negative": ("CONDITIONING",),
                             "latent": ("LATENT",), "seed": ("INT",)}}
    def sample(self, model, positive, negative, latent, seed):
        import comfy.sample
        from comfy.k_diffusion import sampling as k_diffusion_sampling

        guider = comfy.samplers.CFGGuider(model)
        guider.set_conds(positive, negative)
        guider.set_cfg(4.0)
        sampling = model.get_model_object("model_sampling")
        sigmas = comfy.samplers.calculate_sigmas(sampling, "normal", 2)
        noise = comfy.sample.prepare_noise(latent["samples"], seed)

        def step(model, x, sigmas, extra_args=None, callback=None, disable=None):
            return k_diffusion_sampling.sample_euler(model, x, sigmas, extra_args, callback, disable)

        samples = guider.sample(noise, latent["samples"], comfy.samplers.KSAMPLER(step), sigmas, seed=seed)
        return ({"samples": samples},)

NODE_CLASS_MAPPINGS = {c.__name__: c for c in (
    DoubleCfg, EveryBlock, OwnAttention, SkipAttentionByNothing, SkipAttentionByALot, ZeroTerminal, Halved,
    MarginalWeights, Encode, Sample)}
"""


@pytest.fixture
def bench(load: Load, tmp_path: Path) -> PackBench:
    folder = tmp_path / "models" / "checkpoints"
    folder.mkdir(parents=True)
    shutil.copy(CHECKPOINT, folder)
    made = load(patching=PATCHING, same=SAME)
    assert made.packs.loaded.failures == {}
    return made


def sampler(model: str, cfg: float = 4.0) -> tuple[str, dict[str, Any]]:
    settings = {"seed": 7, "steps": 2, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0, "cfg": cfg}
    links = {"model": [model, 0], "positive": ["red", 0], "negative": ["dull", 0], "latent_image": ["empty", 0]}
    return "KSampler", settings | links


def prompt(one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]], **nodes: Any) -> Prompt:
    return {
        "file": ("CheckpointLoaderSimple", {"ckpt_name": CHECKPOINT.name}),
        "red": ("CLIPTextEncode", {"clip": ["file", 1], "text": "a (red:1.2) cat"}),
        "dull": ("CLIPTextEncode", {"clip": ["file", 1], "text": "dull"}),
        "empty": ("EmptyLatentImage", {"width": 128, "height": 128, "batch_size": 1}),
        "one": one,
        "other": other,
        "out": ("Same", {"one": ["one", 0], "other": ["other", 0], "tolerance": 0.0}),
        **nodes,
    }


def compared(bench: PackBench, node: str, *, cfg: float = 4.0, tolerance: float = 0.0) -> bool:
    """Whether sampling with a node's model is sampling with the plain one at a scale."""
    nodes = {"patched": (node, {"model": ["file", 0]})}
    graph = prompt(sampler("patched"), sampler("file", cfg), **nodes)
    graph["out"][1]["tolerance"] = tolerance
    (same,) = shown(bench.run(graph))["same"]
    return bool(same)


def test_a_pack_may_double_the_guidance(bench: PackBench) -> None:
    assert compared(bench, "DoubleCfg", cfg=8.0, tolerance=1e-4)
    assert not compared(bench, "DoubleCfg", tolerance=1e-2)


def test_a_pack_may_bring_its_own_attention(bench: PackBench) -> None:
    assert compared(bench, "OwnAttention", tolerance=1e-5)
    assert compared(bench, "EveryBlock", tolerance=1e-5)


def test_a_pack_may_guide_away_from_a_weaker_model(bench: PackBench) -> None:
    assert compared(bench, "SkipAttentionByNothing", tolerance=1e-6)
    assert not compared(bench, "SkipAttentionByALot", tolerance=1e-3)


def test_a_pack_may_bring_noise_levels_weights_and_wrappers(bench: PackBench) -> None:
    assert compared(bench, "ZeroTerminal", tolerance=1e-5)
    assert compared(bench, "MarginalWeights", tolerance=1e-5)
    assert not compared(bench, "Halved", tolerance=0.99)
    assert compared(bench, "Halved", tolerance=1.01)


def test_a_pack_encodes_as_the_node_does(bench: PackBench) -> None:
    node = ("Encode", {"clip": ["file", 1], "text": "a (red:1.2) cat"})
    graph = prompt(node, ("CLIPTextEncode", {"clip": ["file", 1], "text": "a (red:1.2) cat"}))
    assert shown(bench.run(graph))["same"] == [True]


def test_a_pack_samples_as_the_node_does(bench: PackBench) -> None:
    links = {"model": ["file", 0], "positive": ["red", 0], "negative": ["dull", 0], "latent": ["empty", 0]}
    assert shown(bench.run(prompt(("Sample", {"seed": 7, **links}), sampler("file"))))["same"] == [True]
