"""The build hook that compiles the protos beside their sources, for editable installs and wheels alike."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).parent


def compile_protos() -> None:
    """Write `*_pb2.py`, `*_pb2_grpc.py` and their typed `.pyi` beside every `.proto`.

    Raises:
        RuntimeError: protoc refused a file; its own message went to standard error.
    """
    from grpc_tools import protoc

    well_known = resources.files("grpc_tools") / "_proto"
    scripts = Path(sys.executable).parent
    arguments = [
        "protoc",
        f"-I{PROTOS}",
        f"-I{well_known}",
        f"--python_out={PROTOS}",
        f"--grpc_python_out={PROTOS}",
        f"--plugin=protoc-gen-mypy={_plugin(scripts, 'protoc-gen-mypy')}",
        f"--plugin=protoc-gen-mypy_grpc={_plugin(scripts, 'protoc-gen-mypy_grpc')}",
        f"--mypy_out=quiet:{PROTOS}",
        f"--mypy_grpc_out=quiet:{PROTOS}",
        *(str(path) for path in sorted((PROTOS / "silverprint").rglob("*.proto"))),
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc failed, see its message above")


def _plugin(scripts: Path, name: str) -> str:
    """Where a protoc plugin is: beside the interpreter, or on PATH (pip's isolated builds put it there)."""
    import shutil

    beside = scripts / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: install mypy-protobuf")
    return found


class ProtoBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles before hatchling collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_protos()


if __name__ == "__main__":
    compile_protos()
