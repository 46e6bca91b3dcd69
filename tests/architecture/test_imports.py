"""Who may import whom, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
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
SHARED |= {"services.safetensors_header", "services.tracing"}

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
    | {"services.queue.api_keys.names", "services.queue.api_keys.records", "services.queue.api_keys.secret"}
    | {"services.queue.metrics.depth", "services.queue.metrics.executors"}
    | {"services.files.client", "services.files.records", "services.files.models.kinds"}
    | {"services.files.models.records", "services.files.assets.checks", "services.files.assets.records"}
    | {"services.files.names", "services.graph"},
    "services.executor.engine": {"services.errors", "services.graph", "services.files.records", "services.files.names"},
    "services.executor.diffusion": {"services.errors", "services.safetensors_header"},
    "services.executor": SHARED
    | {"services.queue.client", "services.queue.logs", "services.queue.packs", "services.queue.records"}
    | {"services.queue.work", "services.queue.provenance", "services.queue.results", "services.queue.metrics.executors"}
    | {"services.files.client", "services.files.records", "services.files.names", "services.files.spaces"}
    | {"services.graph"}
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


@cache
def modules() -> dict[str, frozenset[str]]:
    """What each module of ours imports."""
    paths = sorted(SERVICES.rglob("*.py"))
    return {module_name(path): frozenset(imported(ast.parse(path.read_text()))) for path in paths}


def test_the_walk_finds_the_sources() -> None:
    assert len(modules()) > 50


def astray(module: str, names: frozenset[str]) -> set[str]:
    """What a module must not import of ours."""
    package = owner(module)
    if package is None:
        return set()
    ours = {name for name in names if within(name, {"services"})}
    shared_root = {name for name in ours if name.count(".") == 1 and within(name, SHARED)}
    allowed = {package} | ALLOWED[package] - {"services"}
    found = {name for name in ours - shared_root if not within(name, allowed) and not is_entry_point(module, name)}
    return found - {"services.__version__"}


def is_entry_point(module: str, name: str) -> bool:
    """`python -m services.X` hands over to the command line."""
    return module.endswith(".__main__") and within(name, {"services.command"})


def unwelcome(module: str, names: frozenset[str]) -> set[str]:
    """Libraries that a module has no business with."""
    forbidden = {library for package, found in FORBIDDEN.items() if within(module, {package}) for library in found}
    return {name.split(".")[0] for name in names} & forbidden


def messages(module: str, names: frozenset[str]) -> set[str]:
    """What a module imports of protobuf without being a converter, client or servicer."""
    if PROTOBUF & set(module.split(".")) or within(module, {"services.rpc"}):
        return set()
    return {name for name in names if within(name, {"silverprint"})}


#: What packs import, under ComfyUI's names.
OFFERED = {name.partition(".")[0] for name in MODULES_OF_PACKS}


def offered(module: str, names: frozenset[str]) -> set[str]:
    """What a module of ours imports of what is there for packs."""
    return {name.partition(".")[0] for name in names} & OFFERED


@pytest.mark.parametrize("rule", [astray, unwelcome, messages, offered])
def test_no_module_imports_what_it_must_not(rule: Callable[[str, frozenset[str]], set[str]]) -> None:
    broken = {module: sorted(found) for module, names in modules().items() if (found := rule(module, names))}
    assert not broken
