"""The device that a worker computes on, and how much memory it has."""

from __future__ import annotations

import psutil
import torch

from services.errors import FailedPrecondition
from services.executor.nvml import condition_of
from services.queue.records import Device


def chosen_device(setting: str) -> torch.device:
    """The device of a setting: "auto" takes CUDA before MPS before the CPU.

    Raises:
        FailedPrecondition: this host does not have it.
    """
    if setting == "auto":
        setting = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise FailedPrecondition(f"device {setting!r} is not known: {error}") from error
    if device.type == "cuda":
        return _cuda(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise FailedPrecondition("device 'mps' is not there")
    return device


def describe(device: torch.device) -> Device:
    """The device with the memory that it has now."""
    if device.type == "cuda":
        return _describe_cuda(device)
    memory = psutil.virtual_memory()
    held = torch.mps.driver_allocated_memory() if device.type == "mps" else 0
    return Device(
        name=str(device),
        type=device.type,
        index=None,
        vram_total=memory.total,
        vram_free=memory.available,
        torch_vram_total=held or memory.total,
        torch_vram_free=held - torch.mps.current_allocated_memory() if held else memory.available,
        utilization=psutil.cpu_percent() / 100 if device.type == "cpu" else None,
    )


def still_works(device: torch.device) -> bool:
    """Whether a device can be used after a failure: an assertion in a CUDA kernel fails every later call, too."""
    if device.type != "cuda":
        return True
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True


def _cuda(device: torch.device) -> torch.device:
    if not torch.cuda.is_available():
        raise FailedPrecondition("there is no CUDA device, or torch was built without CUDA")
    index = torch.cuda.current_device() if device.index is None else device.index
    if index >= torch.cuda.device_count():
        raise FailedPrecondition(f"there is no cuda:{index}, this host has {torch.cuda.device_count()} CUDA devices")
    return torch.device("cuda", index)


def _describe_cuda(device: torch.device) -> Device:
    """What torch has reserved and does not use is free: it takes from there first."""
    free, total = torch.cuda.mem_get_info(device)
    statistics = torch.cuda.memory_stats(device)
    reserved = statistics.get("reserved_bytes.all.current", 0)
    unused = reserved - statistics.get("active_bytes.all.current", 0)
    condition = condition_of(str(torch.cuda.get_device_properties(device).uuid))
    return Device(
        name=f"{device} {torch.cuda.get_device_name(device)}",
        type="cuda",
        index=device.index,
        vram_total=total,
        vram_free=free + unused,
        torch_vram_total=reserved,
        torch_vram_free=unused,
        utilization=condition.utilization,
        temperature=condition.temperature,
        power=condition.power,
    )
