"""`/system_stats`: the hosts and devices behind the queue, in ComfyUI's words."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import TypedDict

import psutil

from services.gateway.web_ui.folders import WebUi
from services.queue.records import Device, Executor, HostInfo

#: The version of ComfyUI whose API this is, and what it wants to have beside it.
COMFYUI_VERSION = "0.3.64"
FRONTEND_VERSION = "1.27.10"
TEMPLATES_VERSION = "0.1.95"


class SystemInfo(TypedDict):
    """The host that stands for all, and the versions of what ComfyUI consists of; sizes in bytes."""

    os: str
    ram_total: int
    ram_free: int
    comfyui_version: str
    required_frontend_version: str
    installed_templates_version: str | None
    required_templates_version: str
    python_version: str
    pytorch_version: str
    embedded_python: bool
    argv: list[str]
    comfyui_frontend_version: str
    workflow_templates_version: str
    cloud_version: str
    silverprint_version: str


class DeviceStats(TypedDict):
    """A device and its memory, in bytes."""

    name: str
    type: str
    index: int | None
    vram_total: int
    vram_free: int
    torch_vram_total: int
    torch_vram_free: int


class SystemStats(TypedDict):
    """Hosts and devices."""

    system: SystemInfo
    devices: list[DeviceStats]


def system_stats(executors: Sequence[Executor], version: str, web_ui: WebUi) -> SystemStats:
    """The first executor's host stands for the system; the devices of all of them are listed.

    Command lines stay private: `argv` names the program only.
    """
    host = executors[0].host_info if executors else _own_host()
    system: SystemInfo = {
        "os": host.os,
        "ram_total": host.ram_total,
        "ram_free": host.ram_free,
        "comfyui_version": COMFYUI_VERSION,
        "required_frontend_version": FRONTEND_VERSION,
        "installed_templates_version": web_ui.templates_version or None,
        "required_templates_version": TEMPLATES_VERSION,
        "python_version": host.python_version,
        "pytorch_version": host.torch_version,
        "embedded_python": False,
        "argv": ["silverprint"],
        "comfyui_frontend_version": web_ui.front_end_version or FRONTEND_VERSION,
        "workflow_templates_version": web_ui.templates_version or TEMPLATES_VERSION,
        "cloud_version": "",
        "silverprint_version": version,
    }
    return {"system": system, "devices": [_device(device) for executor in executors for device in executor.devices]}


def _device(device: Device) -> DeviceStats:
    return {
        "name": device.name,
        "type": device.type,
        "index": device.index,
        "vram_total": device.vram_total,
        "vram_free": device.vram_free,
        "torch_vram_total": device.torch_vram_total,
        "torch_vram_free": device.torch_vram_free,
    }


def _own_host() -> HostInfo:
    memory = psutil.virtual_memory()
    return HostInfo(
        os=os.name,
        python_version=platform.python_version(),
        torch_version="",
        ram_total=memory.total,
        ram_free=memory.available,
    )
