"""The programs: Python, packages that have to fit each other, torch, the web UI."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from services.command.doctor.finding import Finding, ok, problem, warning

OLDEST_PYTHON = (3, 11)

#: They have to be of one version: the stubs of one speak to the core of the other.
GRPC_FAMILY = ("grpcio", "grpcio-health-checking", "grpcio-reflection")

#: Seconds that torch may take to be imported, on a disk that has not seen it before.
TORCH_PATIENCE = 120.0

#: Prints its version, CUDA's and the device's name.
_TORCH = """
import torch
name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
print(torch.__version__, torch.version.cuda or "none", name, sep="|")
"""


def look(with_torch: bool) -> Iterator[Finding]:
    """What is installed."""
    yield _python()
    yield _grpc()
    yield from _stubs()
    if with_torch:
        yield _torch()
    yield _web_ui()


def _python() -> Finding:
    current = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return problem("Python", current, "install Python 3.11 or newer, and silverprint into it")
    return ok("Python", current)


def _grpc() -> Finding:
    versions = {name: _version(name) for name in GRPC_FAMILY}
    told = ", ".join(f"{name} {found or 'missing'}" for name, found in versions.items())
    if len({(found or "").rpartition(".")[0] for found in versions.values()}) > 1:
        return problem("gRPC", told, f"pip install {' '.join(f'{name}==1.80.*' for name in GRPC_FAMILY)}")
    return ok("gRPC", told)


def _stubs() -> Iterator[Finding]:
    try:
        import_module("silverprint.queue.v1.queue_pb2")
    except ImportError as error:
        yield problem(
            "messages", f"cannot be imported: {error}", "python protos/build.py, or pip install silverprint anew"
        )
    except Exception as error:  # protobuf refuses code of a newer generator by an error of its own
        yield problem(
            "messages", str(error).splitlines()[0], "pip install --upgrade protobuf, then python protos/build.py"
        )


def _torch() -> Finding:
    if _version("torch") is None:
        return warning("torch", "not installed: no executor can run here", "pip install 'silverprint[executor]'")
    try:
        asked = subprocess.run([sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=TORCH_PATIENCE)
    except subprocess.TimeoutExpired:
        return problem("torch", f"is not imported within {TORCH_PATIENCE:.0f} s", "look at the disk that it is on")
    if asked.returncode:
        said = (asked.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        return problem("torch", f"cannot be imported: {said}", "install the build for this machine's driver")
    found, cuda, name = asked.stdout.strip().split("|")
    if name:
        return ok("torch", f"{found}, CUDA {cuda}, {name}")
    if cuda != "none":
        return warning(
            "torch", f"{found} is for CUDA {cuda}, but sees no GPU", "check nvidia-smi and the driver's version"
        )
    return ok("torch", f"{found}, computes on the CPU")


def _web_ui() -> Finding:
    found = _version("comfyui-frontend-package")
    if found is None:
        return ok("web UI", "not installed: / is the status page (pip install 'silverprint[webui]' adds it)")
    return ok("web UI", found)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
