"""Devices and hosts, as `silverprint.executor.v1` has them."""

from __future__ import annotations

from services.queue.records import Device, HostInfo, MemoryUse
from silverprint.executor.v1 import worker_pb2 as pb


def device_to_proto(device: Device) -> pb.Device:
    """The message of a device."""
    return pb.Device(
        name=device.name,
        type=device.type,
        index=device.index,
        vram_total_bytes=device.vram_total,
        vram_free_bytes=device.vram_free,
        torch_vram_total_bytes=device.torch_vram_total,
        torch_vram_free_bytes=device.torch_vram_free,
        memory=_memory_to_proto(device.memory) if device.memory else None,
        utilization=device.utilization,
        temperature_celsius=device.temperature,
        power_watts=device.power,
    )


def device_from_proto(message: pb.Device) -> Device:
    """The device of a message."""
    return Device(
        name=message.name,
        type=message.type,
        index=message.index if message.HasField("index") else None,
        vram_total=message.vram_total_bytes,
        vram_free=message.vram_free_bytes,
        torch_vram_total=message.torch_vram_total_bytes,
        torch_vram_free=message.torch_vram_free_bytes,
        memory=_memory_from_proto(message.memory) if message.HasField("memory") else None,
        utilization=message.utilization if message.HasField("utilization") else None,
        temperature=message.temperature_celsius if message.HasField("temperature_celsius") else None,
        power=message.power_watts if message.HasField("power_watts") else None,
    )


def _memory_to_proto(memory: MemoryUse) -> pb.MemoryUse:
    return pb.MemoryUse(
        budget_bytes=memory.budget,
        models_loaded=memory.models_loaded,
        device_bytes=memory.device_bytes,
        host_bytes=memory.host_bytes,
        mapped_bytes=memory.mapped_bytes,
        loads=memory.loads,
        load_seconds=memory.load_seconds,
        evictions=memory.evictions,
        steps=memory.steps,
        files=memory.files,
    )


def _memory_from_proto(message: pb.MemoryUse) -> MemoryUse:
    return MemoryUse(
        budget=message.budget_bytes,
        models_loaded=message.models_loaded,
        device_bytes=message.device_bytes,
        host_bytes=message.host_bytes,
        mapped_bytes=message.mapped_bytes,
        loads=message.loads,
        load_seconds=message.load_seconds,
        evictions=message.evictions,
        steps=dict(message.steps),
        files=tuple(message.files),
    )


def host_to_proto(host: HostInfo) -> pb.HostInfo:
    """The message of a host's facts."""
    return pb.HostInfo(
        os=host.os,
        python_version=host.python_version,
        torch_version=host.torch_version,
        ram_total_bytes=host.ram_total,
        ram_free_bytes=host.ram_free,
    )


def host_from_proto(message: pb.HostInfo) -> HostInfo:
    """The facts of a message."""
    return HostInfo(
        os=message.os,
        python_version=message.python_version,
        torch_version=message.torch_version,
        ram_total=message.ram_total_bytes,
        ram_free=message.ram_free_bytes,
    )
