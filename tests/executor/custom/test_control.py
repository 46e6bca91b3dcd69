"""Packs that steer by control networks in ways of their own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.executor.loaded_checkpoints import LoadedCheckpoints
from services.executor.nodes.control_nets import ControlNetApplyAdvanced
from services.executor.patching.sampling import sample
from tests.executor.custom.conftest import Load
from tests.executor.diffusion.control.gligens import gligen_weights
from tests.executor.diffusion.control.nets import RECORDED, control_lora_weights
from tests.executor.diffusion.control.test_t2i_adapter import weights as adapter_weights
from tests.executor.diffusion.golden import GOLDEN

#: As packs for control of single steps do it: a copy of what was loaded, as a class of their own that runs the network.
PACK = """
import torch
from comfy.controlnet import ControlBase, ControlNet, StrengthType, T2IAdapter, broadcast_image_to
from comfy.utils import common_upscale
import comfy.controlnet as comfy_cn

class Weighted(ControlNet):
    def __init__(self, weights, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.weights = weights
        self.seen = []

    @staticmethod
    def from_vanilla(v, weights):
        made = Weighted(weights, control_model=v.control_model, global_average_pooling=v.global_average_pooling,
                        compression_ratio=v.compression_ratio, latent_format=v.latent_format, load_device=v.load_device,
                        manual_cast_dtype=v.manual_cast_dtype, extra_conds=v.extra_conds)
        v.copy_to(made)
        return made

    def copy(self):
        made = Weighted(self.weights, control_model=self.control_model, load_device=self.load_device,
                        manual_cast_dtype=self.manual_cast_dtype, extra_conds=self.extra_conds)
        made.seen = self.seen
        self.copy_to(made)
        return made

    def get_control(self, x_noisy, t, cond, batched_number, transformer_options):
        before = None
        if self.previous_controlnet is not None:
            before = self.previous_controlnet.get_control(x_noisy, t, cond, batched_number, transformer_options)
        if self.timestep_range is not None and (t[0] > self.timestep_range[0] or t[0] < self.timestep_range[1]):
            return before
        dtype = self.control_model.dtype if self.manual_cast_dtype is None else self.manual_cast_dtype
        height, width = (side * self.compression_ratio for side in x_noisy.shape[2:])
        hint = common_upscale(self.cond_hint_original, width, height, self.upscale_algorithm, "center")
        hint = broadcast_image_to(hint.to(dtype), x_noisy.shape[0], batched_number)
        timestep = self.model_sampling_current.timestep(t)
        x = self.model_sampling_current.calculate_input(t, x_noisy)
        context = cond["c_crossattn"].to(dtype)
        control = self.control_model(x=x.to(dtype), hint=hint, timesteps=timestep.to(dtype), context=context)
        merged = self.control_merge(control, before, output_dtype=x_noisy.dtype)
        self.seen.append((transformer_options["cond_or_uncond"], len(self.get_models())))
        for place, weight in enumerate(self.weights):
            merged["output"][place] = merged["output"][place] * weight
        return merged

NODE_CLASS_MAPPINGS = {}
"""


@pytest.fixture
def offered(load: Load) -> Callable[[str], Any]:
    load(steps=PACK)
    return importlib.import_module


def sampled(control_net: Any) -> Tensor:
    models = LoadedCheckpoints().get(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    assert models.model
    assert models.clip
    positive, negative = (
        models.clip.encode_from_tokens_scheduled(models.clip.tokenize(text)) for text in ("a cat", "blurry")
    )
    picture = torch.rand(1, 64, 80, 3, generator=torch.Generator().manual_seed(2))
    both = ControlNetApplyAdvanced().apply_controlnet(positive, negative, control_net, picture, 0.8, 0.0, 1.0)
    settings: dict[str, Any] = {"seed": 3, "steps": 2, "cfg": 5.0, "sampler": "euler", "scheduler": "normal"}
    return sample(models.model, *both, torch.zeros(1, 4, 16, 16), **settings)


def pack() -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(compile(PACK, "steps.py", "exec"), scope)
    return scope


@torch.inference_mode()
def test_a_pack_can_run_the_network_of_a_control_itself(offered: Callable[[str], Any]) -> None:
    vanilla = offered("comfy.controlnet").load_controlnet(str(RECORDED))
    made = pack()["Weighted"].from_vanilla(vanilla, [1.0] * 12)
    expected = sampled(vanilla)
    torch.testing.assert_close(sampled(made), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert made.seen == [([1, 0], 1)] * 2
    assert not torch.allclose(sampled(pack()["Weighted"].from_vanilla(vanilla, [0.0] * 6 + [1.0] * 6)), expected)


@torch.inference_mode()
def test_packs_tell_what_steers_apart(offered: Callable[[str], Any]) -> None:
    controls = offered("comfy.controlnet")
    found = {
        "ControlNet": controls.load_controlnet(RECORDED),
        "ControlLora": controls.load_controlnet_state_dict(
            {**control_lora_weights(), "lora_controlnet": torch.zeros(0)}
        ),
        "T2IAdapter": controls.load_t2i_adapter(adapter_weights("full")),
    }
    for name, control in found.items():
        assert type(control) is getattr(controls, name)
        assert isinstance(control, controls.ControlBase)
        assert not isinstance(control, controls.ControlNetSD35)
    assert isinstance(found["ControlNet"].control_model, offered("comfy.cldm.cldm").ControlNet)
    assert isinstance(found["T2IAdapter"].t2i_model, offered("comfy.t2i_adapter.adapter").Adapter)
    assert offered("comfy.cldm.control_types").UNION_CONTROLNET_TYPES.get("tile", -1) == 6


def test_a_strength_can_fall_from_block_to_block(offered: Callable[[str], Any]) -> None:
    controls = offered("comfy.controlnet")
    control = controls.ControlNet(strength_type=controls.StrengthType.LINEAR_UP)
    control.set_cond_hint(torch.zeros(1, 3, 8, 8), 0.5)
    merged = control.control_merge(
        {"output": [torch.ones(1, 1, 1, 1), None, torch.ones(1, 1, 1, 1)]}, None, torch.float32
    )
    assert [residual if residual is None else float(residual) for residual in merged["output"]] == [0.125, None, 0.5]


@pytest.mark.parametrize(("batch", "expected"), [(1, [0]), (2, [0, 1, 0, 1, 0, 1]), (3, [0, 1, 0, 1, 0, 1])])
def test_hints_are_repeated_as_packs_expect(offered: Callable[[str], Any], batch: int, expected: list[int]) -> None:
    hints = torch.arange(float(batch)).reshape(batch, 1, 1, 1)
    found = offered("comfy.controlnet").broadcast_image_to(hints, 6, 3)
    assert found.flatten().tolist() == expected


@torch.inference_mode()
def test_phrases_in_boxes_can_be_had_by_hand(offered: Callable[[str], Any], tmp_path: Any) -> None:
    save_file(gligen_weights(), tmp_path / "gligen.safetensors")
    loaded = offered("comfy.sd").load_gligen(str(tmp_path / "gligen.safetensors")).model
    made = offered("comfy.gligen").load_gligen(load_file(tmp_path / "gligen.safetensors"))
    hidden, where = torch.randn(2, 9, 64), {"block": ("middle", 0), "block_index": 0}
    box = (torch.ones(1, 24), 2, 2, 0, 0)
    with_box = [one.set_position((2, 4, 8, 8), [box], hidden.device)(hidden, where) for one in (loaded, made)]
    assert torch.equal(*with_box)
    assert not torch.equal(made.set_empty((2, 4, 8, 8), hidden.device)(hidden, where), with_box[0])
