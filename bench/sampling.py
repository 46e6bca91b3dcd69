"""What a sampling step costs on the CPU: `python -m bench.sampling [network|overhead] [PIXELS]`.

`network` times the UNet of Stable Diffusion 1.5 with random weights, cond and uncond in one batch, in turn with other
ways to run it; where diffusers is installed, also its module of the same size. `overhead` times what samplers do
besides: a run with a network that costs nothing. CPU seconds of one thread, the best of some rounds, since machines are
shared.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from bench import networks
from bench.sizes import HEADS, SD15, Size
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.noise import SamplerNoise
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import karras
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample

ROUNDS = 3
STEPS = 20
SIZE = SD15

Run = Callable[[], object]


def cpu_seconds(work: Run) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def network(pixels: int) -> None:
    """Compare ways to run the network, in turn."""
    runs = variants(pixels)
    best = dict.fromkeys(runs, float("inf"))
    for number in range(ROUNDS * len(runs)):
        name = list(runs)[number % len(runs)]
        best[name] = min(best[name], cpu_seconds(runs[name]))
        progress(number + 1, ROUNDS * len(runs))
    print(f"UNet of Stable Diffusion 1.5, {pixels}x{pixels} pixels, batch of 2, CPU s of one thread, best of {ROUNDS}")
    for name, seconds in best.items():
        print(f"{name:<44}{seconds:>8.2f}{seconds / best['own']:>8.3f}")


def variants(pixels: int) -> Mapping[str, Run]:
    """Ways to run it; all have random weights of their own."""
    runs: dict[str, Run] = {"own": own(pixels, torch.float32, torch.contiguous_format)}
    runs["own, weights channels last"] = own(pixels, torch.float32, torch.channels_last)
    runs["own, weights in fp16, cast at use"] = own(pixels, torch.float16, torch.contiguous_format)
    runs["own, weights in fp16, channels last"] = own(pixels, torch.float16, torch.channels_last)
    if importlib.util.find_spec("diffusers"):
        runs["diffusers"] = peer(pixels)
    return runs


def own(pixels: int, dtype: torch.dtype, layout: torch.memory_format) -> Run:
    model = networks.model(SIZE, dtype=dtype)
    unet: UNet = model.model.network.unet.to(memory_format=layout)
    latent, timesteps, context, vector = networks.inputs(SIZE, pixels, 2, "cpu", torch.float32)
    return lambda: unet(latent, timesteps, context, vector)


def peer(pixels: int) -> Run:
    from diffusers import UNet2DConditionModel  # type: ignore[import-not-found]

    widths = [SIZE.width * multiple for multiple in SIZE.multiples]
    shape = {"cross_attention_dim": SIZE.context, "attention_head_dim": HEADS, "block_out_channels": widths}
    unet = UNet2DConditionModel(sample_size=pixels // 8, **shape).eval().requires_grad_(False)
    latent, timesteps, context, _ = networks.inputs(SIZE, pixels, 2, "cpu", torch.float32)
    return lambda: unet(latent, timesteps, context)


def overhead(pixels: int) -> None:
    """What a step costs besides the network."""
    print(f"a step at {pixels}x{pixels} pixels without the network, CPU ms, best of {ROUNDS}")
    print(f"{'':<28}{'step':>8}{'of it the sampler':>20}")
    for sampler in SAMPLERS:
        whole = min(cpu_seconds(stubbed(sampler, pixels)) for _ in range(ROUNDS)) / STEPS
        alone = min(cpu_seconds(unguided(sampler, pixels)) for _ in range(ROUNDS)) / STEPS
        print(f"{sampler:<28}{whole * 1e3:>8.2f}{alone * 1e3:>20.2f}", flush=True)


def stubbed(sampler: str, pixels: int) -> Run:
    """A run as KSampler makes it."""
    model = _nothing()
    positive, negative = networks.conditioning(SIZE, 1), networks.conditioning(SIZE, 2)
    how: dict[str, Any] = {"seed": 1, "steps": STEPS, "cfg": 7.0, "sampler": sampler, "scheduler": "karras"}
    latent = torch.zeros(1, 4, pixels // 8, pixels // 8)
    return lambda: sample(model, positive, negative, latent, **how)


def _nothing() -> ModelPatcher:
    small = Size(width=32, multiples=(1, 2), depths=(1, 1), middle_depth=1, context=SIZE.context, linear=False)
    made = networks.model(small)
    made.model.diffusion_model.forward = lambda latent, *_, **__: latent
    return made


def unguided(sampler: str, pixels: int) -> Run:
    """The sampler with a denoiser that costs nothing."""
    chosen, sigmas = SAMPLERS[sampler], karras(STEPS, 0.03, 14.6)
    x = torch.randn(1, 4, pixels // 8, pixels // 8) * sigmas[0]

    class Half:
        model_sampling = _nothing().model.levels

        def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
            return x

        def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    return lambda: chosen.function(Half(), x, sigmas, SamplerNoise(1), lambda *_: None, **chosen.options)


def progress(done: int, total: int) -> None:
    print(f"\r{done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


@torch.inference_mode()
def main() -> None:
    """Measure what is asked for, and print a table."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m bench.sampling")
    parser.add_argument("what", choices=["network", "overhead"], nargs="?", default="network")
    parser.add_argument("pixels", type=int, nargs="?", default=512)
    asked = parser.parse_args()
    {"network": network, "overhead": overhead}[asked.what](asked.pixels)


if __name__ == "__main__":
    main()
