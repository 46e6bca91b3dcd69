"""What loading a checkpoint costs, beside reading its file: `python -m bench.loading [sd15|sdxl] [float16|float32]`.

The file is made, of random weights and of real size, and removed in the end. Each figure comes from a process of its
own, with the file's pages out of the system's memory before (`cold`) or in it (`warm`).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import nn

from bench.full_size import sd15_shapes, sdxl_shapes, write
from services.executor.devices import chosen_device
from services.executor.loaded_checkpoints import LoadedCheckpoints, Models
from services.executor.memory import current
from services.executor.memory.budget import Budget
from services.executor.memory.placement import tensors_of

SHAPES = {"sd15": sd15_shapes, "sdxl": sdxl_shapes}
CHUNK = 1 << 20


def read(path: Path) -> None:
    """As `cat` does."""
    with path.open("rb", buffering=0) as file:
        while file.read(CHUNK):
            pass


def load(path: Path) -> None:
    """As a loader node does."""
    LoadedCheckpoints().get(path)


def use(path: Path) -> None:
    """Load, and have every weight where it computes: read once on the CPU, copied to other devices."""
    current.install(current.planner_of(chosen_device("auto"), Budget()))
    networks = _networks(LoadedCheckpoints().get(path))
    current.planner().use(networks)
    if current.planner().memory.is_host:
        for tensor in tensors_of(networks).values():
            tensor.view(torch.uint8).max() if tensor.dim() else tensor.item()
    elif torch.cuda.is_available():
        torch.cuda.synchronize()


MEASURES: dict[str, Callable[[Path], None]] = {"read the file": read, "load": load, "load and use": use}


def _networks(models: Models) -> list[nn.Module]:
    return [
        *([models.model.model] if models.model else []),
        *([models.clip.cond_stage_model] if models.clip else []),
        *([models.vae.first_stage_model] if models.vae else []),
    ]


def measure(name: str, path: Path) -> None:
    """Print what one measure took in this process, as JSON."""
    torch.set_num_threads(1)
    process = psutil.Process()
    before, begun, cpu = process.memory_full_info(), time.perf_counter(), time.process_time()
    MEASURES[name](path)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    after = process.memory_full_info()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([seconds, cpu, after.uss - before.uss, after.rss - before.rss, peak - before.rss]))


def main(family: str = "sd15", dtype: str = "float16") -> None:
    """Make a file and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{family}.safetensors"
        print(f"writing {family} in {dtype} …", file=sys.stderr, flush=True)
        write(path, SHAPES[family](), getattr(torch, dtype))
        size = path.stat().st_size
        print(f"{family}, {dtype}, {size / 1e9:.2f} GB")
        for warmth in ("cold", "warm"):
            for name in MEASURES:
                if warmth == "cold":
                    forget(path)
                command = [sys.executable, "-m", "bench.loading", "measure", name, str(path)]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                seconds, cpu, own, resident, peak = json.loads(told.splitlines()[-1])
                print(
                    f"{warmth} {name:14} {seconds:6.2f} s, CPU {cpu:6.2f} s, {size / seconds / 1e9:6.2f} GB/s, "
                    f"memory of its own {own / size:6.1%}, resident {resident / size:6.1%}, peak {peak / size:6.1%}",
                    flush=True,
                )


def forget(path: Path) -> None:
    """Have the system write a file out and drop its pages."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main(*sys.argv[1:])
