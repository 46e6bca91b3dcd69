"""A whole sampling step against the bare network on CUDA: `python -m bench.gpu_step`.

Networks of full size with random weights, cond and uncond in one batch. A step is the time between two reports of a
sampler, measured on the device; beside it stands how often the host waited for the device within a step. Takes a minute
or two on a data-centre GPU, and needs nothing but torch.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench import networks
from bench.sizes import SD15, SDXL, Size
from services.executor.memory import current
from services.executor.memory.budget import Budget
from services.executor.patching.model_patcher import ModelPatcher
from services.executor.patching.sampling import sample

STEPS = 20
ROUNDS = 20
WARM_UP = 3
SAMPLERS = ("euler", "dpmpp_2m", "euler_ancestral", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "uni_pc")
#: name, sizes, pixels a side
CASES = (
    ("SD 1.5, 512x512", SD15, 512),
    ("SDXL, 1024x1024", SDXL, 1024),
)
DTYPES = (torch.float16, torch.bfloat16)
DEVICE = "cuda"


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """The time of one call on the device, and that which the host takes to queue it; medians."""
    for _ in range(WARM_UP):
        work()
    times, queued = [], []
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        first, last = mark(), mark()
        began = time.perf_counter()
        first.record()
        work()
        last.record()
        queued.append((time.perf_counter() - began) * 1e3)
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last))
    return statistics.median(times), statistics.median(queued)


def step_milliseconds(run: Callable[[Any], Tensor]) -> float:
    """The time between reports of a sampler on the device, a mean over the middle of the run."""
    events: list[Any] = []

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        events.append(mark())
        events[-1].record()

    run(report)
    torch.cuda.synchronize()
    inner = events[WARM_UP:]
    between: float = inner[0].elapsed_time(inner[-1])
    return between / (len(inner) - 1)


def mark() -> Any:
    """A point in the device's queue whose time can be asked for."""
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def waits(run: Callable[[Any], Tensor]) -> Counter[str]:
    """Where the host waits for the device from the second report of a run to its last one, with how often a run."""
    found: Counter[str] = Counter()

    def note(message: Any, *_: Any, **__: Any) -> None:
        if "synchronizing" in str(message):
            ours = [frame for frame in traceback.extract_stack() if "services" in frame.filename]
            found[f"{ours[-1].filename.partition('services/')[2]}:{ours[-1].lineno}" if ours else "elsewhere"] += 1

    def report(step: int, steps: int, noisy: Tensor, denoised: Tensor) -> None:
        torch.cuda.set_sync_debug_mode("warn" if 1 <= step < steps - 1 else "default")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        try:
            run(report)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return found


def measure(name: str, size: Size, side: int, dtype: torch.dtype) -> None:
    model = networks.model(size, DEVICE, dtype)
    forward = model.model.diffusion_model
    given = networks.inputs(size, side, 2, DEVICE, dtype)
    bare, queued = milliseconds(lambda: forward(*given))
    print(f"\n{name}, {str(dtype).removeprefix('torch.')}, cond and uncond in one batch, {STEPS} steps")
    print(f"{'':<34}{'ms':>9}{'to bare':>9}{'waits a step':>14}")
    row("bare network", bare, bare)
    row("bare network, time to queue it", queued, bare)
    for sampler in SAMPLERS:
        run = runner(model, size, side, sampler)
        run(None)
        # In turn, and each at its best: hosts that queue more slowly than the device computes are uneven.
        pairs = [(milliseconds(lambda: forward(*given))[0], step_milliseconds(run)) for _ in range(3)]
        bare, step = (min(times) for times in zip(*pairs, strict=True))
        places = waits(run)
        row(f"step of {sampler}", step, bare, sum(places.values()) / (STEPS - 2))
        for place, count in places.most_common(4):
            print(f"    waits at {place}, {count} times a run")
    print(f"    peak memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB, weights {weights_gib(model):.2f} GiB")
    variants(model, given, bare)


def runner(model: ModelPatcher, size: Size, side: int, sampler: str) -> Callable[[Any], Tensor]:
    """A run as KSampler makes it."""
    positive, negative = networks.conditioning(size, 1), networks.conditioning(size, 2)
    latent = torch.zeros(1, 4, side // 8, side // 8)

    def run(report: Any) -> Tensor:
        how: dict[str, Any] = {"seed": 1, "steps": STEPS, "cfg": 7.0, "sampler": sampler, "scheduler": "karras"}
        return sample(model, positive, negative, latent, report=report, **how)

    return run


def variants(model: ModelPatcher, given: Any, bare: float) -> None:
    """The bare network in other ways that torch offers, to see what is left to gain."""
    forward = model.model.diffusion_model
    torch.backends.cudnn.benchmark = True
    row("bare, cuDNN chooses by trying", milliseconds(lambda: forward(*given))[0], bare)
    torch.backends.cudnn.benchmark = False
    model.model.to(memory_format=torch.channels_last)
    row("bare, channels last", milliseconds(lambda: forward(*given))[0], bare)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        forward(*given)
    row("bare, channels last, CUDA graph", milliseconds(graph.replay)[0], bare)


def row(what: str, value: float, bare: float, waited: float | None = None) -> None:
    print(f"{what:<34}{value:>9.2f}{value / bare:>9.3f}{'' if waited is None else f'{waited:.2f}':>14}", flush=True)


def weights_gib(model: ModelPatcher) -> float:
    return model.model_size() / 2**30


@torch.inference_mode()
def main() -> None:
    """Measure, and print a table for each network and dtype."""
    if not torch.cuda.is_available():
        sys.exit("this needs CUDA")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    current.install(current.planner_of(torch.device(DEVICE, torch.cuda.current_device()), Budget()))
    for name, size, side in CASES:
        for dtype in DTYPES:
            torch.cuda.reset_peak_memory_stats()
            measure(name, size, side, dtype)
            gc.collect()
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
