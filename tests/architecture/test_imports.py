"""Who may import whom, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.executor.custom.offered import MODULES as MODULES_OF_PACKS

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"

#: Everyone may import these.
SHARED = {
    "services",
    "services.database",
    "services.errors",
    "services.logs",
    "services.monitoring",
    "services.rpc",
    "services.settings",
    "services.stopping",
}
SHARED |= {"services.safetensors_header"}

#: Package → what else of ours it may import (prefixes), beside itself.
ALLOWED = {
    "services.graph": {"services.errors"},
    "services.monitoring": {"services", "services.errors"},
    "services.database": {"services.errors"},
    "services.files": SHARED,
    "services.queue": SHARED | {"services.graph"},
    "services.gateway": SHARED
    | {"services.queue.client", "services.queue.logs", "services.queue.results", "services.queue.packs"}
    | {"services.queue.records", "services.queue.provenance", "services.queue.webhooks.records"}
    | {"services.queue.metrics.depth", "services.queue.metrics.executors"}
    | {"services.files.client", "services.files.records", "services.files.models.kinds"}
    | {"services.files.models.records", "services.files.assets.checks", "services.files.assets.records"}
    | {"services.files.names", "services.graph"},
    "services.executor.engine": {"services.errors", "services.graph", "services.files.records", "services.files.names"},
    "services.executor.diffusion": {"services.errors", "services.safetensors_header"},
    "services.executor": SHARED
    | {"services.queue.client", "services.queue.logs", "services.queue.packs", "services.queue.records"}
    | {"services.queue.work", "services.queue.provenance", "services.queue.results", "services.queue.metrics.executors"}
    | {"services.files.client", "services.files.records", "services.files.names", "services.graph"}
    | {"services.files.models.extra_paths", "services.files.models.kinds", "services.files.models.records"},
}

#: Package → libraries that it must not import.
FORBIDDEN = {
    "services.graph": {"torch", "grpc", "silverprint"},
    "services.database": {"torch", "grpc", "silverprint"},
    "services.files": {"torch"},
    "services.queue": {"torch"},
    "services.gateway": {"torch", "grpc", "silverprint"},
    "services.executor.engine": {"torch", "grpc", "silverprint"},
    "services.executor.diffusion": {"grpc", "silverprint"},
    "services.executor.agent": {"torch"},
    "services.executor.log_relay": {"torch"},
    "services.executor.pack_relay": {"torch"},
}

#: The only modules, or packages, that know protobuf.
PROTOBUF = {"convert", "client", "servicer", "worker_servicer", "service", "server"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SERVICES.rglob("*.py")):
        yield module_name(path), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module imports at run time; `from a import b` counts as a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, prefixes: set[str]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def owner(module: str) -> str | None:
    """The most particular package of `ALLOWED` that a module belongs to."""
    owners = [package for package in ALLOWED if within(module, {package})]
    return max(owners, key=len, default=None)


MODULES = list(sources())


def test_the_walk_finds_the_sources() -> None:
    assert len(MODULES) > 50


@pytest.mark.parametrize(("module", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_imports_only_what_its_package_may(module: str, tree: ast.Module) -> None:
    package = owner(module)
    if package is None:
        return
    ours = {name for name in imported(tree) if within(name, {"services"})}
    shared_root = {name for name in ours if name.count(".") == 1 and within(name, SHARED)}
    astray = {
        name
        for name in ours - shared_root
        if not within(name, {package}) and not within(name, ALLOWED[package] - {"services"})
    }
    astray -= {"services.__version__"}
    if package == "services.executor":
        astray = {name for name in astray if not within(name, {"services.executor"})}
    astray = {name for name in astray if not is_entry_point(module, name)}
    assert not astray, f"{module} must not import {sorted(astray)}"


def is_entry_point(module: str, name: str) -> bool:
    """`python -m services.X` hands over to the command line."""
    return module.endswith(".__main__") and within(name, {"services.command"})


@pytest.mark.parametrize(("module", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_keeps_away_from_libraries_it_has_no_business_with(module: str, tree: ast.Module) -> None:
    forbidden = {library for package, names in FORBIDDEN.items() if within(module, {package}) for library in names}
    met = {name.split(".")[0] for name in imported(tree)} & forbidden
    assert not met, f"{module} must not import {sorted(met)}"


@pytest.mark.parametrize(("module", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_only_converters_clients_and_servicers_know_protobuf(module: str, tree: ast.Module) -> None:
    if PROTOBUF & set(module.split(".")) or within(module, {"services.rpc"}):
        return
    assert not [name for name in imported(tree) if within(name, {"silverprint"})]


#: What packs import, under ComfyUI's names.
OFFERED = {name.partition(".")[0] for name in MODULES_OF_PACKS}


@pytest.mark.parametrize(("module", "tree"), MODULES, ids=[name for name, _ in MODULES])
def test_nothing_of_ours_imports_what_is_offered_to_packs(module: str, tree: ast.Module) -> None:
    assert not {name.partition(".")[0] for name in imported(tree)} & OFFERED
