"""What the executor says about the host it runs on."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import socket
import sys

import psutil

from services.queue.records import HostInfo


def host_name() -> str:
    """The host's name, for people."""
    return socket.gethostname()


def host_info() -> HostInfo:
    """The host as it is now; torch's version is read from its metadata, as importing it takes seconds."""
    memory = psutil.virtual_memory()
    return HostInfo(
        os=os.name,
        python_version=sys.version,
        torch_version=_torch_version(),
        ram_total=memory.total,
        ram_free=memory.available,
    )


@functools.cache
def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""
