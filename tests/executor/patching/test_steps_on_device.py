"""A step never waits for the device: nothing is read from it, and nothing is copied there from the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.patching.conds import process_conds
from services.executor.patching.guider import CFGGuider
from services.executor.patching.k_samplers import KSamplerX0Inpaint, sampler_object
from services.executor.patching.model_families import as_nodes_know_it
from services.executor.patching.model_patcher import ModelPatcher
from tests.executor.diffusion.golden import GOLDEN

META = torch.device("meta")  # its values cannot be read
SIGMAS = torch.tensor([14.0, 7.0, 2.0])
SAMPLERS = ("euler", "dpmpp_3m_sde")  # all of them: see test_on_device.py


MOVES = (torch.ops.aten.to, torch.ops.aten._to_copy)


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes copies of the host's tensors to the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shapes: list[torch.Size] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in MOVES and args[0].device != result.device:
            self.shapes.append(args[0].shape)
        return result


@pytest.fixture(scope="module")
def guider() -> CFGGuider:
    """Two prompts, one of them for an area and with a mask, on a device whose values cannot be read."""
    network = load_checkpoint(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").model
    assert network
    network.unet.to(META)
    guider = CFGGuider(ModelPatcher(as_nodes_know_it(network)))
    context = torch.zeros(1, 77, network.unet.spec.context_dim)
    area = [context, {"area": (8, 8, 4, 4), "strength": 0.7, "mask": torch.ones(1, 16, 16)}]
    guider.set_conds([[context, {}], [context, {"area": (8, 8, 0, 0)}], area], [[context, {}]])
    guider.set_cfg(4.0)
    return guider


@pytest.mark.parametrize("sampler", SAMPLERS)
@torch.inference_mode()
def test_no_step_of_a_guided_run_waits(guider: CFGGuider, sampler: str) -> None:
    latent = torch.zeros(2, 4, 16, 16, device=META)
    patcher = guider.model_patcher
    options: dict[str, Any] = {"transformer_options": {}}
    guider.inner_model = patcher.patched()
    guider.conds = process_conds(guider.inner_model, latent, guider.original_conds, META, latent)
    model = KSamplerX0Inpaint(guider, SIGMAS, latent, torch.zeros(2, 4, 16, 16))
    copied: list[list[torch.Size]] = []
    with Copies() as copies:

        def callback(step: dict[str, Any]) -> None:
            copied.append(copies.shapes[:])
            copies.shapes.clear()

        chosen = sampler_object(sampler)
        extra_args = {"model_options": options, "seed": 1}
        chosen.sampler_function(model, latent, SIGMAS, extra_args, callback, True, **chosen.extra_options)
    assert len(copied) >= 2
    drawn = latent.shape
    assert {shape for shapes in copied for shape in shapes} <= {drawn}, "noise, which CUDA copies without waiting"
